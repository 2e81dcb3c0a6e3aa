/** A graph of names: each with those that come first. */
export type Precedence = ReadonlyMap<string, readonly string[]>;

/** Names so that each stands after those that come first, as near to the given order as that allows; a name on a circle is left out. */
export function topologicalOrder(graph: Precedence): readonly string[] {
  const open = new Map<string, number>();
  const followers = new Map<string, string[]>();
  for (const [name, firsts] of graph) {
    const distinct = new Set(firsts);
    open.set(name, distinct.size);
    for (const first of distinct) {
      const known = followers.get(first);
      if (known === undefined) followers.set(first, [name]);
      else known.push(name);
    }
  }
  const order = [...graph.keys()].filter((name) => open.get(name) === 0);
  for (let at = 0; at < order.length; at += 1) {
    for (const follower of followers.get(order[at] ?? '') ?? []) {
      const left = (open.get(follower) ?? 0) - 1;
      open.set(follower, left);
      if (left === 0) order.push(follower);
    }
  }
  return order;
}

/** One circle for each part of the graph that has some, each as the names on it. */
export function circles(graph: Precedence): readonly (readonly string[])[] {
  const sound = new Set(topologicalOrder(graph));
  const seen = new Set<string>();
  const found: (readonly string[])[] = [];
  for (const start of graph.keys()) {
    const way: string[] = [];
    const place = new Map<string, number>();
    let at: string | undefined = start;
    while (at !== undefined && !sound.has(at) && !seen.has(at)) {
      seen.add(at);
      place.set(at, way.length);
      way.push(at);
      const firsts: readonly string[] = graph.get(at) ?? [];
      at = firsts.find((first) => place.has(first)) ?? firsts.find((first) => !sound.has(first));
    }
    const from = at === undefined ? undefined : place.get(at);
    if (from !== undefined) found.push(way.slice(from));
  }
  return found;
}
