#!/usr/bin/env node
// Runs a command once people have approved exactly it. Node 18 and what comes with it; nothing else.
//
//   countersign.mjs --action A [--resource R] [--environment E] [--intent TEXT] [--on-behalf-of PERSON]… -- COMMAND [ARGUMENT…]
//
// Or from a program, which then acts itself:
//
//   import { Approvals } from "./countersign.mjs";
//   await new Approvals(url, token).approved({ action: "db.export", parameters: { rows: 120000 } }, async (grant) => {
//     await exportRows(); // a rejection is reported as failed, everything else as succeeded
//   });
//
// Reads COUNTERSIGN_URL, COUNTERSIGN_TOKEN, COUNTERSIGN_KEY (names this ask: who asks again with it goes on with the
// same request) and COUNTERSIGN_PATIENCE (seconds without an answer after which the server counts as unreachable; 600).
// Exits with the command's own code; before it starts 10 denied, 11 refused by policy, 12 expired or lapsed,
// 13 cancelled, 14 claimed by somebody or something differs from what was approved, 20 unreachable, 2 all else.
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const ends = { denied: 10, refused: 11, expired: 12, lapsed: 12, cancelled: 13, claimed: 14, succeeded: 14, failed: 14 };
const say = (text) => process.stderr.write(`countersign: ${text}\n`);

// Nothing may run; `code` is the exit code that says why.
export class NotApproved extends Error {
  constructor(code, why) {
    super(why);
    this.code = code;
  }
}

class CommandFailed extends Error {
  constructor(code) {
    super(`exit code ${code}`);
    this.code = code;
  }
}

// RFC 8785: JavaScript's own order of names, numbers and escapes.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const names = Object.keys(value).filter((name) => value[name] !== undefined).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

export const digestOf = (asked) => "sha256:" + createHash("sha256").update(canonical(asked)).digest("hex");

export class Approvals {
  constructor(url, token, patience = 600) {
    Object.assign(this, { url: url.replace(/\/+$/, ""), token, patience });
  }

  // One attempt: { answer }, or { trouble } that says why there is none. An answer has the member that it is asked for: a
  // proxy that answers with a page of its own, or with other JSON, has not answered for the server.
  async attempt(method, path, { body, key, seconds = 15, headers = {}, signal, member = "id" } = {}) {
    const fields = { authorization: `Bearer ${this.token}`, accept: "application/json", ...headers };
    if (body) Object.assign(fields, { "content-type": "application/json", "idempotency-key": key });
    try {
      const limit = AbortSignal.timeout(seconds * 1000);
      const answer = await fetch(this.url + path, {
        method, headers: fields, body: body && JSON.stringify(body), redirect: "error",
        signal: signal ? anyOf(signal, limit) : limit,
      });
      const said = parsed(await answer.text());
      if (answer.ok) return typeof said?.[member] === "string" ? { answer: said } : { trouble: "what answers is not Countersign" };
      const trouble = `${said?.detail ?? answer.statusText} (${answer.status})`;
      const meant = said?.code || [400, 411, 413, 414, 415, 416, 417, 431].includes(answer.status);
      if (meant && answer.status !== 429 && answer.status < 500)
        throw new NotApproved({ 409: 14, 410: 12 }[answer.status] ?? 2, trouble);
      return { trouble };
    } catch (problem) {
      if (problem instanceof NotApproved) throw problem;
      signal?.throwIfAborted();
      return { trouble: problem.cause?.message ?? problem.message };
    }
  }

  // The answer, after as many attempts as it takes: every call here may be repeated.
  async call(method, path, options = {}) {
    const since = Date.now();
    for (let pause = 500; ; pause = Math.min(pause * 2, 5000)) {
      const { answer, trouble } = await this.attempt(method, path, options);
      if (answer) return answer;
      if (Date.now() - since >= this.patience * 1000) throw new NotApproved(20, `cannot reach ${this.url}: ${trouble}`);
      if (pause === 500) say(`${trouble}; trying again`);
      await sleep(pause, undefined, { signal: options.signal });
    }
  }

  // The request once it is not pending. A long poll that a proxy cuts is no outage: whether the server is there is said by
  // a plain look.
  async decided(path, signal) {
    for (;;) {
      const poll = { seconds: 40, headers: { prefer: "wait=25" }, signal, member: "state" };
      let { answer, trouble } = await this.attempt("GET", path, poll);
      if (trouble) {
        await sleep(1000, undefined, { signal });
        answer = await this.call("GET", path, { signal, member: "state" });
      }
      if (answer.state !== "pending") return answer;
    }
  }

  // Asks, waits, claims, and gives the grant with the path of its request. NotApproved: nothing may run.
  async permitted({ action, resource, environment, parameters, intent = "", key = randomUUID(), signal, ...more }) {
    const asked = { action, resource, environment, parameters };
    const digest = digestOf(asked);
    let request = await this.call("POST", "/v1/requests", { body: { ...asked, intent, ...more }, key, signal });
    const path = `/v1/requests/${request.id}`;
    say(`filed ${action} (${request.id})`);
    // Who asked with an OIDC token goes on with a token for this request alone.
    this.token = request.access_token ?? this.token;
    try {
      if (request.digest !== digest) throw new NotApproved(14, "the server was asked for something else than this");
      if (request.state === "pending") request = await this.decided(path, signal);
    } catch (problem) {
      this.patience = Math.min(this.patience, 5);
      await this.call("POST", `${path}/cancel`, { body: {}, key, seconds: 5 }).catch(() => {});
      throw problem;
    }
    if (request.state !== "approved") throw new NotApproved(ends[request.state] ?? 2, `${request.state}: ${request.reason}`);
    // The digest is of what runs afterwards: whatever else was approved, this is refused.
    const { grant } = await this.call("POST", `${path}/claim`, { body: { digest }, key, member: "grant" });
    return { grant, path, key };
  }

  // Asks, waits, claims; then `act` acts, and what came of that is reported. NotApproved: nothing may run.
  async approved(ask, act) {
    const { grant, path, key } = await this.permitted(ask);
    let outcome = { status: "succeeded" };
    try {
      return await act(grant);
    } catch (problem) {
      outcome = { status: "failed", detail: problem instanceof CommandFailed ? problem.message : "it threw an exception" };
      throw problem;
    } finally {
      await this.call("POST", `${path}/outcome`, { body: outcome, key }).catch((problem) => say(`the outcome could not be told: ${problem.message}`));
    }
  }
}

function anyOf(...signals) {
  const either = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) either.abort(signal.reason);
    signal.addEventListener("abort", () => either.abort(signal.reason), { once: true });
  }
  return either.signal;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function execute([command, ...args]) {
  return new Promise((resolve, reject) => {
    const { COUNTERSIGN_TOKEN: _, ...environment } = process.env;
    const child = spawn(command, args, { stdio: "inherit", env: environment });
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.on("error", () => reject(new CommandFailed(127)));
    child.on("exit", (code, signal) => {
      const full = code ?? 128 + constants.signals[signal];
      if (full === 0) resolve();
      else reject(new CommandFailed(full));
    });
  });
}

async function main() {
  const text = { type: "string" };
  const interrupted = new AbortController();
  try {
    const { values, positionals } = parseArgs({
      options: {
        action: text, resource: text, environment: text, intent: text,
        "on-behalf-of": { ...text, multiple: true }, help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
    if (values.help) {
      console.log("usage: countersign.mjs --action A [--resource R] [--environment E] [--intent TEXT] [--on-behalf-of PERSON]… -- COMMAND [ARGUMENT…]");
      return 0;
    }
    if (!values.action || positionals.length === 0) throw new NotApproved(2, "--action A and -- COMMAND are needed");
    const token = process.env.COUNTERSIGN_TOKEN;
    if (!token) throw new NotApproved(2, "set COUNTERSIGN_TOKEN");
    for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => interrupted.abort());
    const approvals = new Approvals(process.env.COUNTERSIGN_URL ?? "http://127.0.0.1:8480", token,
      Number(process.env.COUNTERSIGN_PATIENCE ?? 600));
    const { "on-behalf-of": people, ...asked } = values;
    const ask = { ...asked, parameters: { argv: positionals, cwd: process.cwd() }, signal: interrupted.signal };
    if (people) ask.on_behalf_of = people;
    if (process.env.COUNTERSIGN_KEY) ask.key = process.env.COUNTERSIGN_KEY;
    await approvals.approved(ask, () => execute(positionals));
    return 0;
  } catch (problem) {
    if (problem instanceof CommandFailed) return problem.code;
    if (interrupted.signal.aborted) {
      say("interrupted; the request is cancelled");
      return 13;
    }
    say(problem.message);
    return problem instanceof NotApproved ? problem.code : 2;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = await main();
