import type { Clock } from '../../base/index.ts';
import { persist } from './persist.ts';

/** How long a tree of runs may be without anything under way before its waits count as all there is. */
const settleMs = 10;
/** A timer in memory asks the clock at least this often, because the clock may be set. */
const longestNapMs = 30_000;

/** One thing that a run waits for: the run or child run, and the key of the wait in it. */
export interface PendingWait {
  readonly runId: string;
  readonly key: string;
}

/** What a look came to: what was waited for, or when it is due at the latest. */
export type Look<T> = () => Promise<{ readonly value: T } | { readonly dueAt: Date | null }>;

/** One run of a tree as the monitor sees it. */
export interface TreeMember {
  readonly runId: string;
  /** The step of its parent that waits for this run. */
  readonly parent: PendingWait | undefined;
  /** Called when the tree leaves memory: nothing of it may go on. */
  readonly onSuspend: () => void;
}

interface OpenWait {
  readonly wait: PendingWait;
  /** Something may have come since the last look. */
  hasNews: boolean;
  wake: () => void;
  cancelTimer: () => void;
}

/**
 * Knows what is under way in a root run and all its children together. While anything is, waits are answered in place;
 * when nothing is, the tree leaves memory as a whole.
 */
export class ActivityMonitor {
  readonly #clock: Clock;
  readonly #members = new Map<string, TreeMember>();
  readonly #waits = new Set<OpenWait>();
  /** Begins with whoever starts the root run. */
  #underWay = 1;
  #isOver = false;
  #reasons: ReadonlyMap<string, readonly string[]> | undefined;
  #cancelCheck: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get waits(): readonly PendingWait[] {
    return [...this.#waits].map(({ wait }) => wait);
  }

  /** The runs that are in memory. */
  get runIds(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** What a run waits for, for people: keys of its own waits, and those below a child as `<step of the child>/<key>`. */
  waitingFor(runId: string): readonly string[] {
    const reasons = this.#reasons ?? this.#collectReasons();
    // Nothing is added any more.
    if (this.#isOver) this.#reasons = reasons;
    return reasons.get(runId) ?? [];
  }

  /** A run begins to execute; it counts as under way until its first step or wait. */
  join(member: TreeMember): RunActivity {
    this.#members.set(member.runId, member);
    return new RunActivity(this, () => {
      if (!this.#isOver) this.#leave(member.runId);
    });
  }

  change(by: 1 | -1): void {
    this.#underWay += by;
    this.#check();
  }

  /**
   * Looks, and waits in memory until there is something: looks again at the time that the look named and when
   * `signalled` names the wait. Looking counts as under way (and is patient with a database that is away), waiting does
   * not. Never resolves when the tree leaves memory first.
   */
  async until<T>(wait: PendingWait, look: Look<T>): Promise<T> {
    const open: OpenWait = { wait, hasNews: false, wake: () => {}, cancelTimer: () => {} };
    this.change(1);
    try {
      for (;;) {
        open.hasNews = false;
        this.#waits.add(open);
        const seen = await persist(look, this.#clock);
        if ('value' in seen) return seen.value;
        if (!open.hasNews) await this.#sleep(open, seen.dueAt);
      }
    } finally {
      this.#waits.delete(open);
      this.change(-1);
    }
  }

  /** Something has come for these waits: they look again. */
  signalled(waits: readonly PendingWait[]): void {
    // What wakes a tree that has left memory are its rows.
    if (this.#isOver) return;
    const named = new Set(waits.map(idOf));
    for (const open of this.#waits) {
      if (!named.has(idOf(open.wait))) continue;
      open.hasNews = true;
      open.wake();
    }
  }

  /** The execution of the root run is over. */
  stop(): void {
    this.#isOver = true;
    this.#cancelCheck?.();
    this.#dropTimers();
  }

  #sleep(open: OpenWait, dueAt: Date | null): Promise<void> {
    return new Promise<void>((resolve) => {
      // Of a run that has come back without it: nobody wants to know any more.
      const isLeft = this.#isOver || !this.#members.has(open.wait.runId);
      if (isLeft) this.#waits.delete(open);
      else {
        open.wake = () => {
          open.cancelTimer();
          open.wake = () => {};
          this.change(1);
          resolve();
        };
        if (dueAt !== null) this.#setTimer(open, dueAt.getTime());
      }
      this.change(-1);
    });
  }

  #setTimer(open: OpenWait, dueMs: number): void {
    const remainingMs = Math.max(0, dueMs - this.#clock.now());
    open.cancelTimer = this.#clock.after(Math.min(remainingMs, longestNapMs), () => {
      if (this.#clock.now() < dueMs) this.#setTimer(open, dueMs);
      else open.wake();
    });
  }

  #collectReasons(): ReadonlyMap<string, readonly string[]> {
    const reasons = new Map<string, string[]>();
    for (const { wait } of this.#waits) {
      let { key } = wait;
      for (let runId: string | undefined = wait.runId; runId !== undefined;) {
        const keys = reasons.get(runId) ?? [];
        keys.push(key);
        reasons.set(runId, keys);
        const parent: PendingWait | undefined = this.#members.get(runId)?.parent;
        if (parent !== undefined) key = `${parent.key}/${key}`;
        runId = parent?.runId;
      }
    }
    return reasons;
  }

  #leave(runId: string): void {
    this.#members.delete(runId);
    for (const open of this.#waits) {
      if (open.wait.runId !== runId) continue;
      open.cancelTimer();
      this.#waits.delete(open);
    }
  }

  #dropTimers(): void {
    for (const open of this.#waits) open.cancelTimer();
  }

  #check(): void {
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
    if (this.#isOver || this.#underWay > 0 || this.#waits.size === 0) return;
    this.#cancelCheck = this.#clock.after(settleMs, () => this.#suspend());
  }

  #suspend(): void {
    this.#isOver = true;
    this.#dropTimers();
    for (const member of this.#members.values()) member.onSuspend();
  }
}

function idOf({ runId, key }: PendingWait): string {
  return `${runId}\n${key}`;
}

/** What one run of a tree does. */
export class RunActivity {
  readonly #monitor: ActivityMonitor;
  readonly #onLeave: () => void;
  #hasBegun = false;

  constructor(monitor: ActivityMonitor, onLeave: () => void) {
    this.#monitor = monitor;
    this.#onLeave = onLeave;
    monitor.change(1);
  }

  change(by: 1 | -1): void {
    this.#monitor.change(by);
    this.#begin();
  }

  /** See `ActivityMonitor.until`. */
  until<T>(wait: PendingWait, look: Look<T>): Promise<T> {
    const waiting = this.#monitor.until(wait, look);
    this.#begin();
    return waiting;
  }

  /** Something that is no step is under way. */
  async busy<T>(work: () => Promise<T>): Promise<T> {
    this.change(1);
    try {
      return await work();
    } finally {
      this.#monitor.change(-1);
    }
  }

  /** The execution has come back; what it left behind does not count any more. */
  leave(): void {
    this.#begin();
    this.#onLeave();
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#monitor.change(-1);
  }
}
