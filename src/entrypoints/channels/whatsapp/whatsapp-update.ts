import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';

/** A field that may be missing, null or something else altogether. */
export const lenient = <T extends z.ZodType>(schema: T) => schema.nullish().catch(undefined);

/** A word or number of a payload as text; empty for anything else. */
export function wordOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** WhatsApp's id of a message, `wamid.…`. */
export const messageId = z.string().regex(/^[!-~]{1,500}$/);

/** Ids as people have them: business-scoped ones (`US.13491…`), those of a parent business, phone numbers. */
const scopedId = /^[A-Z]{2}\.[A-Za-z0-9]{1,128}$/;
const parentId = /^[A-Z]{2}\.ENT\.[A-Za-z0-9]{1,128}$/;
const phone = /^\d{1,20}$/;

/** The ids of one person in one payload, each where the payload has it. */
export interface PersonIds {
  /** Of this business alone; stays until the person changes the phone number. */
  readonly scoped: string | undefined;
  /** Of all businesses of one parent. */
  readonly parent: string | undefined;
  readonly phone: string | undefined;
}

/** Sorts ids by their form: a field for phone numbers may hold another one. */
export function personIds(found: readonly unknown[]): PersonIds {
  const texts = found.filter((one): one is string => typeof one === 'string');
  return {
    scoped: texts.find((id) => scopedId.test(id)),
    parent: texts.find((id) => parentId.test(id)),
    phone: texts.find((id) => phone.test(id)),
  };
}

/** True for ids that are no phone numbers. */
export function isScopedId(id: string): boolean {
  return scopedId.test(id) || parentId.test(id);
}

/** One message, status or change of somebody's ids in a call, in the form of a call with nothing else in it. */
export interface WhatsAppEvent {
  readonly kind: 'message' | 'status' | 'identity';
  readonly item: JsonObject;
  readonly contacts: readonly JsonObject[];
  readonly phoneNumberId: string;
  readonly raw: JsonObject;
}

/** What reading a message needs to know. */
export interface WhatsAppReader {
  readonly phoneNumberId: string;
  /** Names of the commands that people can send. */
  readonly commands: readonly string[];
  /** Stands in for a missing date. */
  readonly nowMs: number;
}
