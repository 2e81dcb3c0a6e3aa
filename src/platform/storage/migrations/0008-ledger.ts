/**
 * What of limits and budgets is used. `ledger_apply` settles and reserves a batch in one statement, so that whoever asks
 * at the same moment sees what the other took: it locks the subjects in the order of their keys, looks, and writes.
 * Money is in billionths of a dollar. A ring holds 61 buckets of calls and tokens: the present one and the 60 before it,
 * so that no 60 of them in a row ever hold more than the limit.
 */
export const ledger = `
create table ledger_subjects (
  key text primary key,
  parallel int not null default 0,
  bucket bigint not null default 0,
  requests bigint[] not null default array_fill(0::bigint, array[61]),
  tokens bigint[] not null default array_fill(0::bigint, array[61]),
  touched_at timestamptz not null default now()
) with (fillfactor = 40);

create table ledger_budgets (
  key text not null,
  period text not null,
  started_at bigint not null,
  spent bigint not null default 0,
  reserved bigint not null default 0,
  resets int not null default 0,
  touched_at timestamptz not null default now(),
  primary key (key, period)
) with (fillfactor = 50);

create table ledger_reservations (
  id text primary key,
  keys text[] not null,
  tokens bigint not null,
  nano bigint not null,
  bucket bigint not null,
  budget_keys text[] not null,
  periods text[] not null,
  starts bigint[] not null,
  expires_at timestamptz not null,
  expired boolean not null default false
);
create index ledger_reservations_live on ledger_reservations (expires_at) where not expired;

create function ledger_shift(ring bigint[], newest bigint, present bigint) returns bigint[] language plpgsql immutable as $$
begin
  if present - newest >= 61 then return array_fill(0::bigint, array[61]); end if;
  for i in 1 .. (present - newest)::int loop ring[((newest + i) % 61)::int + 1] := 0; end loop;
  return ring;
end $$;

create function ledger_period_start(period text, at_ms bigint) returns bigint language plpgsql stable as $$
declare
  span bigint;
  origin bigint := 0;
begin
  if period = 'total' then return 0; end if;
  if period = 'month' then
    return (extract(epoch from date_trunc('month', to_timestamp(at_ms / 1000.0) at time zone 'UTC')) * 1000)::bigint;
  end if;
  span := period::bigint;
  if span % 604800000 = 0 then origin := 345600000; end if;
  return (at_ms - origin) / span * span + origin;
end $$;

create function ledger_wait(ring bigint[], added bigint, present bigint, allowed bigint, wanted bigint, bucket_ms bigint, at_ms bigint)
returns bigint language plpgsql immutable as $$
declare
  held bigint := added;
begin
  if wanted > allowed then return null; end if;
  for i in 1 .. 61 loop held := held + ring[i]; end loop;
  for age in reverse 60 .. 0 loop
    held := held - ring[((present - age) % 61)::int + 1];
    if held + wanted <= allowed then return (present - age + 61) * bucket_ms - at_ms; end if;
  end loop;
  return 61 * bucket_ms;
end $$;

create function ledger_apply(batch jsonb) returns jsonb language plpgsql as $$
declare
  bucket_ms bigint := (batch->>'bucketMs')::bigint;
  settled text[] := array(select jsonb_array_elements_text(batch->'settled'->'ids'));
  settled_tokens bigint[] := translate((batch->'settled'->'tokens')::text, '[]', '{}')::bigint[];
  settled_nano bigint[] := translate((batch->'settled'->'nano')::text, '[]', '{}')::bigint[];
  keys text[] := array(select jsonb_array_elements_text(batch->'keys'));
  budget_key int[] := translate((batch->'budgets'->'key')::text, '[]', '{}')::int[];
  periods text[] := array(select jsonb_array_elements_text(batch->'budgets'->'period'));
  ids text[] := array(select jsonb_array_elements_text(batch->'requests'->'id'));
  req_tokens bigint[] := translate((batch->'requests'->'tokens')::text, '[]', '{}')::bigint[];
  req_nano bigint[] := translate((batch->'requests'->'nano')::text, '[]', '{}')::bigint[];
  req_near bigint[] := translate((batch->'requests'->'near')::text, '[]', '{}')::bigint[];
  req_least bigint[] := translate((batch->'requests'->'least')::text, '[]', '{}')::bigint[];
  req_ttl bigint[] := translate((batch->'requests'->'ttl')::text, '[]', '{}')::bigint[];
  req_end int[] := translate((batch->'requests'->'end')::text, '[]', '{}')::int[];
  part_key int[] := translate((batch->'parts'->'key')::text, '[]', '{}')::int[];
  part_rpm bigint[] := translate((batch->'parts'->'rpm')::text, '[]', '{}')::bigint[];
  part_tpm bigint[] := translate((batch->'parts'->'tpm')::text, '[]', '{}')::bigint[];
  part_parallel bigint[] := translate((batch->'parts'->'parallel')::text, '[]', '{}')::bigint[];
  part_end int[] := translate((batch->'parts'->'end')::text, '[]', '{}')::int[];
  limit_budget int[] := translate((batch->'limits'->'budget')::text, '[]', '{}')::int[];
  limit_nano bigint[] := translate((batch->'limits'->'nano')::text, '[]', '{}')::bigint[];
  ended text[] := '{}';
  lapsed text[];
  locked text[];
  at_ms bigint;
  present bigint;
  parallels bigint[]; requests bigint[]; tokens bigint[];
  new_calls bigint[]; new_tokens bigint[];
  starts bigint[]; spent bigint[]; reserved bigint[]; new_holds bigint[];
  known text[];
  answers jsonb[] := '{}';
  answer jsonb;
  first_part int; first_limit int; k int; b int; tight int;
  is_near boolean; room bigint; free bigint; amount bigint; wanted bigint;
  ring bigint[];
begin
  -- Without money nothing is lost that a minute does not bring back: the disk need not be waited for.
  if not (batch->>'durable')::boolean then perform set_config('synchronous_commit', 'off', true); end if;

  if cardinality(settled) > 0 then
    select coalesce(array_agg(id), '{}') into ended
    from (select id from ledger_reservations where id = any(settled) order by id for update) found;
  end if;
  select coalesce(array_agg(id), '{}') into lapsed
  from (select id from ledger_reservations where not expired and expires_at <= now() and not id = any(ended)
        order by expires_at limit 200 for update skip locked) found;

  locked := keys;
  if cardinality(ended) + cardinality(lapsed) > 0 then
    select array_agg(distinct key) into locked
    from (select unnest(keys) as key union all
          select unnest(r.keys) from ledger_reservations r where r.id = any(ended || lapsed)) wanted;
  end if;
  if cardinality(locked) is null or cardinality(locked) = 0 then return '[]'; end if;
  loop
    insert into ledger_subjects (key)
    select w.key from unnest(keys) as w(key) where not exists (select 1 from ledger_subjects s where s.key = w.key)
    order by w.key on conflict do nothing;
    perform 1 from ledger_subjects where key = any(locked) order by key for update;
    exit when (select count(*) from ledger_subjects where key = any(keys)) = cardinality(keys);
  end loop;

  -- Only now: whoever held the locks before us has counted at an earlier time.
  at_ms := floor(extract(epoch from clock_timestamp()) * 1000)::bigint;
  select greatest(at_ms / bucket_ms, max(bucket)) into present from ledger_subjects where key = any(locked);
  update ledger_subjects s set requests = ledger_shift(s.requests, s.bucket, present),
    tokens = ledger_shift(s.tokens, s.bucket, present), bucket = present
  where s.key = any(locked) and s.bucket < present;

  if cardinality(ended) + cardinality(lapsed) > 0 then
    with e as materialized (
      select r.keys, r.bucket, r.expired, coalesce(s.used, 0) - case when r.expired then 0 else r.tokens end as delta
      from ledger_reservations r left join unnest(settled, settled_tokens) as s(id, used) on s.id = r.id
      where r.id = any(ended || lapsed)
    ), calls as (
      select key, count(*) filter (where not e.expired) as finished from e, unnest(e.keys) as key group by key
    ), deltas as (
      select key, (place % 61)::int + 1 as slot, sum(delta)::bigint as delta
      from (select unnest(e.keys) as key, e.delta, case when e.delta > 0 then present else e.bucket end as place from e) moved
      where delta <> 0 and place > present - 61 group by 1, 2
    )
    update ledger_subjects s set parallel = greatest(0, s.parallel - calls.finished),
      tokens = (select array_agg(greatest(0, r.value + coalesce(d.delta, 0)) order by r.slot)
                from unnest(s.tokens) with ordinality as r(value, slot) left join deltas d on d.key = s.key and d.slot = r.slot)
    from calls where s.key = calls.key;

    update ledger_budgets as g set reserved = greatest(0, g.reserved - m.held), spent = g.spent + m.paid, touched_at = now()
    from (select u.key, u.period, u.start, sum(case when r.expired then 0 else r.nano end)::bigint as held,
                 sum(coalesce(s.paid, 0))::bigint as paid
          from ledger_reservations r left join unnest(settled, settled_nano) as s(id, paid) on s.id = r.id,
               unnest(r.budget_keys, r.periods, r.starts) as u(key, period, start)
          where r.id = any(ended || lapsed) group by 1, 2, 3) m
    where g.key = m.key and g.period = m.period and g.started_at = m.start;

    delete from ledger_reservations where id = any(ended);
    -- Whoever made it may still be alive and settle late: then what it spent counts.
    update ledger_reservations set expired = true where id = any(lapsed);
  end if;
  if cardinality(ids) = 0 then return '[]'; end if;

  select array_agg(s.parallel::bigint order by w.i), array_agg((select sum(v)::bigint from unnest(s.requests) v) order by w.i),
    array_agg((select sum(v)::bigint from unnest(s.tokens) v) order by w.i)
  into parallels, requests, tokens
  from unnest(keys) with ordinality as w(key, i) join ledger_subjects s on s.key = w.key;
  new_calls := array_fill(0::bigint, array[cardinality(keys)]);
  new_tokens := new_calls;
  if cardinality(periods) > 0 then
    select array_agg(w.start order by w.i), array_agg(case when g.started_at = w.start then g.spent else 0 end order by w.i),
      array_agg(case when g.started_at = w.start then g.reserved else 0 end order by w.i)
    into starts, spent, reserved
    from (select u.i, keys[u.k] as key, u.period, greatest(ledger_period_start(u.period, at_ms), coalesce(o.started_at, 0)) as start
          from unnest(budget_key, periods) with ordinality as u(k, period, i)
          left join ledger_budgets o on o.key = keys[u.k] and o.period = u.period) w
    left join ledger_budgets g on g.key = w.key and g.period = w.period;
    new_holds := array_fill(0::bigint, array[cardinality(periods)]);
  end if;
  known := array(select id from ledger_reservations where id = any(ids));

  for r in 1 .. cardinality(ids) loop
    answer := null;
    first_part := case when r = 1 then 1 else req_end[r - 1] + 1 end;
    if ids[r] = any(known) then answers := array_append(answers, null::jsonb); continue; end if;
    is_near := false; room := null; tight := null; wanted := req_tokens[r];
    for q in first_part .. req_end[r] loop
      k := part_key[q];
      if part_rpm[q] is not null and requests[k] + 1 > part_rpm[q] then
        select s.requests into ring from ledger_subjects s where s.key = keys[k];
        answer := jsonb_build_object('part', q - first_part, 'limit', 'rpm', 'allowed', part_rpm[q], 'used', requests[k],
          'retryAfterMs', ledger_wait(ring, new_calls[k], present, part_rpm[q], 1, bucket_ms, at_ms));
      elsif part_tpm[q] is not null and tokens[k] + wanted > part_tpm[q] then
        select s.tokens into ring from ledger_subjects s where s.key = keys[k];
        answer := jsonb_build_object('part', q - first_part, 'limit', 'tpm', 'allowed', part_tpm[q], 'used', tokens[k],
          'retryAfterMs', ledger_wait(ring, new_tokens[k], present, part_tpm[q], wanted, bucket_ms, at_ms));
      elsif part_parallel[q] is not null and parallels[k] + 1 > part_parallel[q] then
        answer := jsonb_build_object('part', q - first_part, 'limit', 'parallel', 'allowed', part_parallel[q], 'used', parallels[k]);
      end if;
      exit when answer is not null;
      first_limit := case when q = 1 then 1 else part_end[q - 1] + 1 end;
      for l in first_limit .. part_end[q] loop
        b := limit_budget[l];
        if 5 * (spent[b] + reserved[b] + req_nano[r]) > 4 * limit_nano[l] then is_near := true; end if;
        free := limit_nano[l] - spent[b] - reserved[b];
        if room is null or free < room then room := free; tight := l; end if;
      end loop;
    end loop;
    if answer is null then
      amount := case when is_near then req_near[r] else req_nano[r] end;
      if room is not null and amount > room then
        if req_least[r] <= room then
          amount := room;
          answer := jsonb_build_object('granted', room);
        else
          b := limit_budget[tight];
          select jsonb_build_object('part', q - first_part, 'limit', 'budget', 'allowed', limit_nano[tight],
            'used', spent[b] + reserved[b], 'spent', spent[b], 'wanted', least(amount, req_least[r]), 'period', periods[b], 'atMs', at_ms)
          into answer from generate_series(first_part, req_end[r]) q where part_end[q] >= tight order by q limit 1;
        end if;
      end if;
      if answer is null or answer ? 'granted' then
        declare
          held_keys text[] := '{}'; held_budgets text[] := '{}'; held_periods text[] := '{}'; held_starts bigint[] := '{}';
        begin
          for q in first_part .. req_end[r] loop
            k := part_key[q];
            parallels[k] := parallels[k] + 1; requests[k] := requests[k] + 1; tokens[k] := tokens[k] + wanted;
            new_calls[k] := new_calls[k] + 1; new_tokens[k] := new_tokens[k] + wanted;
            held_keys := array_append(held_keys, keys[k]);
            first_limit := case when q = 1 then 1 else part_end[q - 1] + 1 end;
            for l in first_limit .. part_end[q] loop
              b := limit_budget[l];
              reserved[b] := reserved[b] + amount; new_holds[b] := new_holds[b] + 1;
              held_budgets := array_append(held_budgets, keys[k]);
              held_periods := array_append(held_periods, periods[b]);
              held_starts := array_append(held_starts, starts[b]);
            end loop;
          end loop;
          insert into ledger_reservations (id, keys, tokens, nano, bucket, budget_keys, periods, starts, expires_at)
          values (ids[r], held_keys, wanted, amount, present, held_budgets, held_periods, held_starts,
            clock_timestamp() + req_ttl[r] * interval '1 millisecond');
          known := array_append(known, ids[r]);
        end;
      end if;
    end if;
    answers := array_append(answers, answer);
  end loop;

  update ledger_subjects s set parallel = s.parallel + w.calls, touched_at = now(),
    requests[(present % 61)::int + 1] = s.requests[(present % 61)::int + 1] + w.calls,
    tokens[(present % 61)::int + 1] = s.tokens[(present % 61)::int + 1] + w.tokens
  from unnest(keys, new_calls, new_tokens) as w(key, calls, tokens) where s.key = w.key and w.calls > 0;
  if cardinality(periods) > 0 then
    insert into ledger_budgets as g (key, period, started_at, spent, reserved)
    select keys[w.k], w.period, w.start, w.spent, w.reserved
    from unnest(budget_key, periods, starts, spent, reserved, new_holds) as w(k, period, start, spent, reserved, holds)
    where w.holds > 0
    on conflict (key, period) do update
      set started_at = excluded.started_at, spent = excluded.spent, reserved = excluded.reserved, touched_at = now();
  end if;
  return to_jsonb(answers);
end $$;
`;
