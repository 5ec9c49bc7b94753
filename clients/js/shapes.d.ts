/** What a call takes and answers, looked up in the types of the OpenAPI document. */

import type { components, paths } from "./schema.js";

export type Schemas = components["schemas"];
/** Why a call was refused; a server that is newer than these types may say another one. */
export type Code = Schemas["Code"] | (string & {});
export type Event = Schemas["EventView"];
export type Progress = Schemas["ProgressView"];
export type AskBody = Body<paths["/v1/requests"]["post"]>;
export type Ended = Schemas["RequestView"] | Schemas["ActionView"];

type With<Method extends string> = {
  [P in keyof paths]: paths[P] extends { [M in Method]: object } ? P : never;
}[keyof paths];
export type GetPath = With<"get">;
export type PostPath = With<"post">;

type Json<R> = R extends { content: { "application/json": infer B } } ? B : never;
type Answer<O> = O extends { responses: infer R }
  ? { [S in keyof R]: S extends 200 | 201 | 202 ? Json<R[S]> : never }[keyof R]
  : never;
type Need<K extends string, V> = [V] extends [never]
  ? { [name in K]?: undefined }
  : {} extends V
    ? { [name in K]?: V }
    : { [name in K]: V };
type Query<O> = O extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;
type Params<O> = O extends { parameters: { path: infer P } } ? P : never;
type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? B : never;

export type Got<P extends GetPath> = Answer<paths[P]["get"]>;
export type Posted<P extends PostPath> = Answer<paths[P]["post"]>;
export type PageOf<P extends GetPath> = Got<P> extends { items: readonly (infer I)[] } ? I : never;
/** The paths that answer by pages. */
export type PagedPath = { [P in GetPath]: Got<P> extends { next_after: unknown } ? P : never }[GetPath];
export type QueryOf<P extends GetPath> = Query<paths[P]["get"]>;
export type Asking = { signal?: AbortSignal };
export type Getting<P extends GetPath> = Asking &
  Need<"params", Params<paths[P]["get"]>> &
  Need<"query", QueryOf<P>>;
export type Posting<P extends PostPath> = Asking & { idempotencyKey?: string } & Need<
    "params",
    Params<paths[P]["post"]>
  > &
  Need<"query", Query<paths[P]["post"]>> &
  Need<"body", Body<paths[P]["post"]>>;
export type Arguments<T> = {} extends T ? [options?: T] : [options: T];

export interface Options {
  /** Where `sayso serve` answers, with the path under which it is mounted, if any. */
  url: string;
  /** A service's token, or for decisions a person's. */
  token: string;
  /** How often a call is made again, by its idempotency key; 2 unless given. */
  retries?: number;
  fetch?: typeof globalThis.fetch;
}

/** What a webhook of Sayso's carries. */
export interface Message {
  type: string;
  timestamp: string;
  data: Event;
}
