// Tools of agents that run only when people have approved the very call: for the AI SDK, LangChain and LangGraph, the OpenAI
// Agents SDK, the Claude Agent SDK, and Codex' app-server. Node 18 and ../node/countersign.mjs; nothing else.
//
//   import { Approvals } from "../node/countersign.mjs";
//   const gate = gateFor({ url, token, agent: "support", session: conversationId, onBehalfOf: ["email:riley@example.com"] });
//   generateText({ model, tools: aiSdkTools(gate, tools), … });
//
// The approval is asked for and used up inside of the tool, not in the framework's own step before it: what a framework
// stores between the two can be edited or played twice.
import { createHash } from "node:crypto";

import { Approvals, NotApproved, canonical } from "../node/countersign.mjs";

/**
 * @typedef {object} Gate
 * @property {(tool: string, input: object, call: string | undefined, act: () => Promise<unknown>) => Promise<unknown>} run
 * @property {(tool: string, input: object, call: string | undefined, signal?: AbortSignal) => Promise<{ allowed: boolean, reason: string }>} permit
 */

const told = (problem) =>
  `NOT RUN: ${problem.message}. ` +
  (problem.code === 10 ? "Do not retry it or work around it; tell the user." : "Tell the user, or do it differently.");

// Actions take small letters; what they do not take becomes ':' and its hexadecimal code.
const actionOf = (agent, tool) =>
  `agent.${agent}.${tool}`.toLowerCase().replace(/[^a-z0-9._:-]/g, (c) => [...Buffer.from(c)].map((byte) => ":" + byte.toString(16).padStart(2, "0")).join(""));

/**
 * @param {{ url: string, token: string, agent: string, session: string, environment?: string, onBehalfOf?: string[], patience?: number }} options
 * @returns {Gate}
 */
export function gateFor({ url, token, agent, session, environment, onBehalfOf, patience = 60 }) {
  const ask = (tool, input, call, signal) => ({
    action: actionOf(agent, tool),
    // The tool's name as it is spelt: two that differ in capitals are two.
    resource: `tool:${tool}`,
    environment,
    parameters: input ?? {},
    labels: { agent, session },
    ...(onBehalfOf ? { on_behalf_of: onBehalfOf } : {}),
    // The same call of the same conversation is one request, whose approval is used once: a history that is played again
    // finds it used up. A framework that gives no id of the call gets a request for each.
    ...(call ? { key: createHash("sha256").update(canonical([agent, session, call, tool, input ?? {}])).digest("hex") } : {}),
    signal,
  });
  return {
    async run(tool, input, call, act) {
      try {
        return await new Approvals(url, token, patience).approved(ask(tool, input, call), act);
      } catch (problem) {
        if (problem instanceof NotApproved) return told(problem);
        throw problem;
      }
    },
    async permit(tool, input, call, signal) {
      try {
        await new Approvals(url, token, patience).permitted(ask(tool, input, call, signal));
        return { allowed: true, reason: "" };
      } catch (problem) {
        return { allowed: false, reason: told(problem) };
      }
    },
  };
}

/**
 * A set of tools of the AI SDK. Leave `needsApproval` and `toolApproval` off: with them a message of the client's history would
 * say what is approved, and one that is sent twice runs twice.
 * @template {Record<string, { execute?: (input: any, options: { toolCallId: string }) => unknown }>} Tools
 * @param {Gate} gate @param {Tools} tools @returns {Tools}
 */
export function aiSdkTools(gate, tools) {
  const gated = Object.entries(tools).map(([name, tool]) => {
    if (!tool.execute) throw new Error(`${name} is not executed here, so it cannot be gated here`);
    return [name, { ...tool, needsApproval: undefined, execute: (input, options) => gate.run(name, input, options?.toolCallId, async () => tool.execute(input, options)) }];
  });
  return /** @type {Tools} */ (Object.fromEntries(gated));
}

/**
 * The function of a LangChain tool: `tool(gatedFunction(gate, "export", run), { name: "export", schema })`. It may stand in a
 * graph node that is started again from its first line on resume: the call's id makes that one run.
 * @param {Gate} gate @param {string} name @param {(input: any, config: any) => unknown} run
 */
export const gatedFunction = (gate, name, run) => (input, config) =>
  gate.run(name, input, config?.toolCall?.id ?? config?.configurable?.tool_call_id, async () => run(input, config));

/**
 * The options of a tool of the OpenAI Agents SDK: `tool(gatedTool(gate, { name, description, parameters, execute }))`.
 * @template {{ name: string, execute: (input: any, context?: any, details?: any) => unknown }} Options
 * @param {Gate} gate @param {Options} options @returns {Options}
 */
export const gatedTool = (gate, options) => ({
  ...options,
  execute: (input, context, details) =>
    gate.run(options.name, input, details?.toolCall?.callId, async () => options.execute(input, context, details)),
});

/**
 * `canUseTool` of the Claude Agent SDK. The input goes back as it was approved, and no rule is suggested that would allow more
 * than this call.
 * @param {Gate} gate
 */
export const canUseTool = (gate) => async (name, input, options) => {
  const { allowed, reason } = await gate.permit(name, input, options?.toolUseID, options?.signal);
  return allowed ? { behavior: "allow", updatedInput: input } : { behavior: "deny", message: reason };
};

/**
 * Answers a request of Codex' app-server (`item/commandExecution/requestApproval`, `item/fileChange/requestApproval`): with
 * `accept` or `decline` and never with a word that would allow more than this call. Other requests are declined.
 * @param {Gate} gate
 */
export const answerCodex = (gate) => async ({ method, params = {} }) => {
  const tools = { "item/commandExecution/requestApproval": "exec_command", "item/fileChange/requestApproval": "apply_patch" };
  if (!Object.hasOwn(tools, method)) return { decision: "decline" };
  const { threadId, turnId, itemId, proposedExecpolicyAmendment: _, availableDecisions: __, ...input } = params;
  const { allowed } = await gate.permit(tools[method], input, [threadId, turnId, itemId].join("/"));
  return { decision: allowed ? "accept" : "decline" };
};
