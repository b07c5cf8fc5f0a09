// What the API answers, as far as the pages read it; /api describes all of it. Only the type checker reads this file.

declare global {
  /** The translated sentences of the scripts, by the English ones: app/routes/script_words.py. */
  var mellowWords: Record<string, string | string[]> | undefined;
  interface Navigator {
    /** Chromium alone has it, over HTTPS or on the same machine. */
    keyboard?: { getLayoutMap(): Promise<ReadonlyMap<string, string>> };
  }
}

export interface Candidate {
  id: number;
  text: string;
  /** An answer as clean HTML, null for a rewrite. */
  html?: string | null;
}

/** One message of a conversation. */
export interface Turn {
  role: "user" | "assistant";
  content: string;
}

/** One text and its rewrites, as the desk shows them. */
export interface Screen {
  id: number;
  text: string;
  /** The language or script that the text is surely in, if that is not English. */
  looks_like: string | null;
  candidates: Candidate[];
  /** Whether the model ran out of different rewrites. */
  exhausted: boolean;
  version: number | null;
  /** What its file says of the text beside it. */
  metadata: Record<string, unknown> | null;
  /** What was said before the text, where it belongs to a conversation. */
  turns?: Turn[];
  /** What the model was told before the conversation. */
  system?: string;
}

/** What a person says of one candidate beside the verdict. */
export interface Remark {
  candidate_id: number;
  rating?: number;
  tags?: string[];
}

/** What a person says of a screen. */
export interface Judgment {
  generation_id: number;
  verdict: "chosen" | "edited" | "fine" | "tie" | "none" | "skipped";
  /** The chosen one, or the one that an edit began with. */
  candidate_id?: number;
  edited_text?: string;
  /** The ids of the equally good ones; without it, all are. */
  tied?: number[];
  /** The ids of all, the chosen one first. */
  ranking?: number[];
  remarks?: Remark[];
  /** What colleagues should know. */
  comment?: string;
  flagged?: boolean;
  reason?: string;
  seconds: number;
}

/** A judgment with a key of its own: sent twice, it is the same judgment. */
export type KeyedJudgment = Judgment & { client_key: string };

/** What a person decided of their desk. */
export interface DeskSettings {
  blur?: boolean;
  diff?: boolean;
  toured?: boolean;
  warned?: boolean;
  text_size?: string;
  width?: string;
  font?: string;
  time_zone?: string;
  theme?: "system" | "light" | "dark";
}

export interface RunPreview {
  summary: string;
  duration: string;
}

/** A run as its live events tell it. */
export interface Run {
  id: number;
  status: string;
  stage: string;
  /** How many runs come before it; null once it has ended. */
  position: number | null;
  step: number;
  total_steps: number;
  /** What it is at; null if it waits or has ended. */
  phase: string | null;
  /** The share of the whole run that is done. */
  progress: number;
  eta_seconds: number | null;
  /** The steps after which one was saved. */
  checkpoints: number[];
  attempts: number;
  parent_version: number | null;
  produced_version: number | null;
  cancelling: boolean;
  error: string | null;
  note: string | null;
}

export interface Metric {
  name: string;
  step: number;
  value: number;
}

/** All metrics of a run, and the id of the latest value. */
export interface RunCurves {
  last: number;
  curves: Record<string, [step: number, value: number][]>;
}

/** A row of a file that cannot be used, and why. */
export interface Refused {
  line: number;
  reason: string;
}

/** What a file for initial training holds. */
export interface Dataset {
  sha256: string;
  pairs: number;
  sources: number;
  duplicates: number;
  notes: string[];
  sample: { line: number; source: string; references: string[] }[];
  problems: Refused[];
  problem_count: number;
}

/** How far a file is sent. */
export interface Upload {
  id: string;
  bytes: number;
}

/** Which column of a file is what: `columns` has a name for each role, empty where there is none. */
export interface Mapping {
  layout: string;
  header: boolean;
  leave_out: string[];
  [role: string]: string | boolean | string[];
}

/** What an import would do. */
export interface ImportPreview {
  mapping: Mapping;
  /** `beside` are the columns that are kept as metadata, but for those that the mapping leaves out. */
  found: { columns: string[]; format: string; what: string; beside: string[] };
  rows: number;
  usable: number;
  repeated: number;
  known: number;
  gold: number;
  judgments: number;
  judgments_known: number;
  /** Whom the file names as having judged. */
  people: number;
  bad: number;
  /** Parts of other rows that cannot be used. */
  unused: number;
  /** Rows that bring a system message of their own. */
  systems: number;
  /** Whether all rows were looked at. */
  complete: boolean;
  problems: Refused[];
  sample: ImportSample[];
}

export interface ImportSample {
  line: number;
  text: string;
  priority: number | null;
  overlap: number | null;
  gold: string | null;
  gold_wrong: string[];
  chosen: string[];
  metadata: Record<string, unknown>;
  /** What was said before the text. */
  turns: { role: string; content: string }[];
}

/** A line of what an import tells while it stores. */
export interface ImportProgress {
  fraction: number;
  rows: number;
  /** All that were put into the queue, checks and judged ones among them. */
  added: number;
  checks: number;
  judged: number;
  duplicates: number;
  judgments: number;
  judgments_known: number;
  rejected_count: number;
  /** In the last line alone. */
  rejected?: Refused[];
  /** Parts of other rows that cannot be used. */
  unused_count: number;
  /** Rows that bring a system message of their own. */
  systems: number;
  done: boolean;
  /** Why it broke off. */
  problem?: string;
}

/** What became of prompts that were sent. */
export interface ImportReport {
  added: number;
  rejected: Refused[];
}

export interface Prompt {
  id: number;
  state: string;
  judged_by: number;
  wanted: number;
  priority: number;
  overlap: number | null;
  queued: boolean;
}

/** JSON Schema, as far as the API's description uses it. */
export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
}

export type Contents = Record<string, { schema: Schema }>;

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

export interface Operation {
  summary: string;
  parameters?: Parameter[];
  /** Each alone is enough. */
  security?: { token: string[] }[];
  requestBody?: { content: Contents };
  responses: Record<string, { description: string; content?: Contents }>;
}

/** The API's description of itself (OpenAPI). */
export interface Description {
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}
