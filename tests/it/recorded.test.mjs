// SPDX-License-Identifier: Apache-2.0
// Answers that providers really gave, through weir, into the official SDKs: whatever language the provider
// spoke, the caller sees the same text, thoughts, calls with equal arguments, reason of the end and sums
// of tokens, as tests/fakes/recorded.py read them from the bytes. At most a dozen recordings for each SDK
// and dialect of a provider, chosen for what they show.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { dep, recordings, skip, world } from './lib.mjs';

const CASES = skip ? [] : await recordings(12);
const why = skip || (CASES.length ? false : 'no recorded traffic beside the checkout');
const ASK = 'go on';
const SCHEMA = { type: 'object', properties: {} };

const parsed = (args) => (typeof args === 'string' ? tried(args || '{}') : (args ?? {}));
function tried(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a call that was cut off
  }
}
const join = (list) => list.map((x) => x ?? '').join('');
const sum = (...numbers) => numbers.reduce((a, n) => a + (n ?? 0), 0);

// ---- the SDKs: each makes a client, and asks for an answer { text, thinking, tools, finish, usage }

const openai = (w) => {
  const { OpenAI } = dep('openai');
  const baseURL = `${w.base}/v1`;
  return new OpenAI({ baseURL, apiKey: 'client-key', maxRetries: 0, timeout: 10e3 });
};

// Two spellings of it pass through.
const thoughts = (said) => said?.reasoning_content ?? said?.reasoning ?? '';

const chat = {
  client: openai,
  async ask(client, { model, tools, stream }) {
    const body = { model, messages: [{ role: 'user', content: ASK }] };
    if (tools.length)
      body.tools = tools.map((name) => ({ type: 'function', function: { name, parameters: SCHEMA } }));
    let thinking = '';
    let r;
    if (stream) {
      const s = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
      for await (const chunk of s) thinking += thoughts(chunk.choices[0]?.delta);
      r = await s.finalChatCompletion();
    } else {
      r = await client.chat.completions.create(body);
      thinking = thoughts(r.choices[0].message);
    }
    const [{ message, finish_reason: finish }] = r.choices;
    return {
      text: join([message.content, message.refusal]),
      thinking,
      tools: (message.tool_calls ?? []).map((c) => [c.function.name, parsed(c.function.arguments)]),
      finish,
      usage: r.usage && [r.usage.prompt_tokens, r.usage.completion_tokens],
    };
  },
};

const responses = {
  client: openai,
  async ask(client, { model, tools, stream }) {
    const body = { model, input: ASK, store: false, reasoning: { effort: 'low', summary: 'auto' } };
    if (tools.length)
      body.tools = tools.map((name) => ({
        type: 'function',
        name,
        parameters: SCHEMA,
        strict: false,
      }));
    let deltas = '';
    let r;
    if (stream) {
      const s = client.responses.stream(body);
      for await (const e of s)
        if (/^response\.(output_text|refusal)\.delta$/.test(e.type)) deltas += e.delta;
      r = await s.finalResponse();
    } else r = await client.responses.create(body);
    const of = (type) => r.output.filter((item) => item.type === type);
    const text = join(of('message').flatMap((m) => m.content.map((p) => p.text ?? p.refusal)));
    if (stream) assert.equal(deltas, text, 'the deltas are not the text');
    const calls = of('function_call').map((c) => [c.name, parsed(c.arguments)]);
    return {
      text,
      thinking: join(of('reasoning').flatMap((i) => i.summary.map((p) => p.text))),
      tools: calls,
      finish: r.incomplete_details?.reason ?? (calls.length ? 'tool' : 'stop'),
      usage: r.usage && [r.usage.input_tokens, r.usage.output_tokens],
    };
  },
};

const messages = {
  client(w) {
    const { Anthropic } = dep('@anthropic-ai/sdk');
    return new Anthropic({ baseURL: w.base, apiKey: 'client-key', maxRetries: 0, timeout: 10e3 });
  },
  async ask(client, { model, tools, stream }) {
    const body = { model, max_tokens: 2000, messages: [{ role: 'user', content: ASK }] };
    if (tools.length) body.tools = tools.map((name) => ({ name, input_schema: SCHEMA }));
    const r = stream
      ? await client.messages.stream(body).finalMessage()
      : await client.messages.create(body);
    const of = (type) => r.content.filter((b) => b.type === type);
    const u = r.usage;
    const input = [u.input_tokens, u.cache_read_input_tokens, u.cache_creation_input_tokens];
    return {
      text: join(of('text').map((b) => b.text)),
      thinking: join(of('thinking').map((b) => b.thinking)),
      tools: of('tool_use').map((b) => [b.name, b.input]),
      finish: r.stop_reason,
      usage: [sum(...input), u.output_tokens],
    };
  },
};

const gemini = {
  client(w) {
    const { GoogleGenAI } = dep('@google/genai');
    const httpOptions = { baseUrl: w.base, timeout: 10e3 };
    return new GoogleGenAI({ apiKey: 'client-key', httpOptions });
  },
  async ask(client, { model, tools, stream }) {
    const config = { thinkingConfig: { includeThoughts: true } };
    if (tools.length)
      config.tools = [
        { functionDeclarations: tools.map((name) => ({ name, parametersJsonSchema: SCHEMA })) },
      ];
    const input = { model, contents: ASK, config };
    const list = [];
    if (stream)
      for await (const chunk of await client.models.generateContentStream(input)) list.push(chunk);
    else list.push(await client.models.generateContent(input));
    const parts = list.flatMap((r) => r.candidates?.[0]?.content?.parts ?? []);
    const words = (thought) =>
      join(parts.filter((p) => !p.functionCall && !!p.thought === thought).map((p) => p.text));
    const u = list.findLast((r) => r.usageMetadata)?.usageMetadata;
    const calls = parts.filter((p) => p.functionCall).map((p) => p.functionCall);
    return {
      text: words(false),
      thinking: words(true),
      tools: joined(calls),
      finish:
        list.findLast((r) => r.candidates?.[0]?.finishReason)?.candidates[0].finishReason ??
        list.find((r) => r.promptFeedback)?.promptFeedback.blockReason,
      usage: u && [
        sum(u.promptTokenCount, u.toolUsePromptTokenCount),
        sum(u.candidatesTokenCount, u.thoughtsTokenCount),
      ],
    };
  },
};

// Gemini's own streams may hold a call in pieces; that SDK leaves it to its caller to join them. What
// the pieces say is judged by the other SDKs, and here that the name is there once.
function joined(calls) {
  const inPieces = calls.some((c) => c.partialArgs || c.willContinue);
  return calls.filter((c) => c.name).map((c) => [c.name, inPieces ? undefined : (c.args ?? {})]);
}

const converse = {
  client(w) {
    const { BedrockRuntimeClient } = dep('@aws-sdk/client-bedrock-runtime');
    const { NodeHttpHandler } = dep('@smithy/node-http-handler');
    return new BedrockRuntimeClient({
      region: 'us-east-1',
      endpoint: w.base,
      token: { token: 'client-key' },
      authSchemePreference: ['httpBearerAuth'],
      requestHandler: new NodeHttpHandler(),
      maxAttempts: 1,
    });
  },
  async ask(client, { model, tools, stream }) {
    const { ConverseCommand, ConverseStreamCommand } = dep('@aws-sdk/client-bedrock-runtime');
    const input = { modelId: model, messages: [{ role: 'user', content: [{ text: ASK }] }] };
    if (tools.length)
      input.toolConfig = {
        tools: tools.map((name) => ({ toolSpec: { name, inputSchema: { json: SCHEMA } } })),
      };
    const { content, stop, usage: u } = stream
      ? await told(await client.send(new ConverseStreamCommand(input)))
      : bodyOf(await client.send(new ConverseCommand(input)));
    return {
      text: join(content.flatMap((b) => b.text ?? b.citationsContent?.content.map((c) => c.text))),
      thinking: join(content.map((b) => b.reasoningContent?.reasoningText?.text)),
      tools: content.filter((b) => b.toolUse).map((b) => [b.toolUse.name, parsed(b.toolUse.input)]),
      finish: stop,
      usage: [sum(u.inputTokens, u.cacheReadInputTokens, u.cacheWriteInputTokens), u.outputTokens],
    };
  },
};

const bodyOf = (r) => ({
  content: r.output.message.content,
  stop: r.stopReason,
  usage: r.usage,
});

// The blocks of a stream, as a body has them.
async function told(got) {
  const content = [];
  const answer = { content };
  for await (const e of got.stream) {
    const { contentBlockStart: start, contentBlockDelta: piece } = e;
    const at = (start ?? piece)?.contentBlockIndex;
    if (start?.start?.toolUse) content[at] = { toolUse: { ...start.start.toolUse, input: '' } };
    if (piece) {
      const block = (content[at] ??= {});
      const { text, toolUse, reasoningContent } = piece.delta;
      if (text !== undefined) block.text = (block.text ?? '') + text;
      if (toolUse) block.toolUse.input += toolUse.input;
      if (reasoningContent) {
        const r = (block.reasoningContent ??= { reasoningText: { text: '' } });
        r.reasoningText.text += reasoningContent.text ?? '';
      }
    }
    if (e.messageStop) answer.stop = e.messageStop.stopReason;
    if (e.metadata) answer.usage = e.metadata.usage;
  }
  answer.content = content.filter(Boolean);
  return answer;
}

// It speaks Chat, but of Chat it knows no thoughts and no refusals, and takes no answer without a usage.
const mistral = {
  deaf: true,
  client(w) {
    const { Mistral } = dep('@mistralai/mistralai');
    return new Mistral({
      serverURL: w.base,
      apiKey: 'client-key',
      retryConfig: { strategy: 'none' },
    });
  },
  async ask(client, { model, tools, stream }) {
    const body = { model, messages: [{ role: 'user', content: ASK }] };
    if (tools.length)
      body.tools = tools.map((name) => ({ type: 'function', function: { name, parameters: SCHEMA } }));
    const said = { text: '', thinking: '', tools: [] };
    const take = (choice, message) => {
      const parts = typeof message.content === 'string' ? [{ text: message.content }] : message.content;
      said.text += join((parts ?? []).map((part) => part.text));
      for (const [n, call] of (message.toolCalls ?? []).entries()) {
        const at = (said.tools[call.index || n] ??= [call.function.name, '']);
        const args = call.function.arguments;
        at[1] += typeof args === 'string' ? args : JSON.stringify(args);
      }
      said.finish = choice.finishReason ?? said.finish;
    };
    const count = (u) => {
      if (u) said.usage = [u.promptTokens, u.completionTokens];
    };
    if (stream)
      for await (const { data } of await client.chat.stream(body)) {
        if (data.choices[0]) take(data.choices[0], data.choices[0].delta);
        count(data.usage);
      }
    else {
      const r = await client.chat.complete(body);
      take(r.choices[0], r.choices[0].message);
      count(r.usage);
    }
    said.tools = said.tools.map(([name, args]) => [name, parsed(args)]);
    return said;
  },
};

// Cohere's and Ollama's chats are no languages of ours for clients: they pass through to their own
// providers, and what arrives must still be what the SDK expects.
const cohere = {
  only: 'cohere',
  client(w, provider) {
    const { CohereClientV2 } = dep('cohere-ai');
    return new CohereClientV2({ token: 'client-key', environment: `${w.base}/providers/${provider}` });
  },
  async ask(client, { stream }) {
    const body = { model: 'up', messages: [{ role: 'user', content: ASK }] };
    const said = { text: '', thinking: '', tools: [] };
    const end = ({ finishReason, usage }) => {
      said.finish = finishReason;
      if (usage?.tokens) said.usage = [usage.tokens.inputTokens, usage.tokens.outputTokens];
    };
    const take = (message, n) => {
      for (const part of [message?.content ?? []].flat()) {
        said.text += part.text ?? '';
        said.thinking += part.thinking ?? '';
      }
      said.text += message?.toolPlan ?? '';
      for (const [i, call] of [message?.toolCalls ?? []].flat().entries()) {
        const at = (said.tools[n ?? i] ??= [call.function.name, '']);
        at[1] += call.function.arguments ?? '';
      }
    };
    if (stream)
      for await (const e of await client.chatStream(body, { maxRetries: 0 })) {
        if (e.type !== 'message-start') take(e.delta?.message, e.index);
        if (e.type === 'message-end') end(e.delta);
      }
    else {
      const r = await client.chat(body, { maxRetries: 0 });
      take(r.message);
      end(r);
    }
    said.tools = said.tools.map(([name, args]) => [name, parsed(args)]);
    return said;
  },
};

const ollama = {
  only: 'ollama',
  client(w, provider) {
    const { Ollama } = dep('ollama');
    const headers = { authorization: 'Bearer client-key' };
    return new Ollama({ host: `${w.base}/providers/${provider}`, headers });
  },
  async ask(client, { stream }) {
    const body = { model: 'up', messages: [{ role: 'user', content: ASK }], stream };
    const r = await client.chat(body);
    const list = [];
    if (stream) for await (const part of r) list.push(part);
    else list.push(r);
    const calls = list.flatMap((part) => part.message.tool_calls ?? []);
    return {
      text: join(list.map((part) => part.message.content)),
      thinking: join(list.map((part) => part.message.thinking)),
      tools: calls.map((c) => [c.function.name, c.function.arguments]),
      finish: list.at(-1).done_reason,
      usage: [list.at(-1).prompt_eval_count, list.at(-1).eval_count],
    };
  },
};

const SDKS = {
  'openai, Chat': chat,
  'openai, Responses': responses,
  '@anthropic-ai/sdk': messages,
  '@google/genai': gemini,
  '@aws-sdk, Converse': converse,
  '@mistralai/mistralai': mistral,
  'cohere-ai': cohere,
  ollama,
};

// ---- what must be equal

const FINISH = {
  stop: 'stop end_turn STOP COMPLETE STOP_SEQUENCE stop_sequence completed',
  length: 'length max_tokens MAX_TOKENS max_output_tokens model_length',
  tool: 'tool tool_calls tool_use TOOL_CALL',
  filter: 'content_filter refusal SAFETY MODEL_ARMOR guardrail_intervened content_filtered',
};
const finishOf = (word, tools) => {
  const kind = Object.keys(FINISH).find((k) => FINISH[k].split(' ').includes(word)) ?? word;
  return kind === 'stop' && tools.length ? 'tool' : kind;
};
const squashed = (text) => text.replace(/\s+/g, '');

function faults(want, got, deaf) {
  const close = want.blocks > 1 ? squashed : (text) => text;
  const pairs = {
    text: [close(want.text), close(got.text)],
    thinking: [squashed(want.thinking), squashed(got.thinking)],
    tools: [want.tools.map(([name]) => name), got.tools.map(([name]) => name)],
    finish: [want.finish, finishOf(got.finish, got.tools)],
    usage: [[want.input, want.output], got.usage],
  };
  if (deaf) delete pairs.thinking;
  if (deaf && want.refused) delete pairs.text;
  const ends = pairs.finish[1];
  if (want.finish === 'other' || (want.refused && ['stop', 'filter'].includes(ends)))
    delete pairs.finish;
  const own = [want.input, want.output - want.beside];
  if (want.input === null || isDeepStrictEqual(got.usage, own)) delete pairs.usage;
  if (want.finish !== 'length')
    for (const [i, [name, args]] of want.tools.entries())
      if (got.tools[i]?.[1] !== undefined) pairs[`${name}()`] = [args, got.tools[i][1]];
  return Object.entries(pairs)
    .filter(([, [a, b]]) => !isDeepStrictEqual(a, b))
    .map(([name, pair]) => `${name}: ${pair.map((v) => JSON.stringify(v)?.slice(0, 200)).join(' ≠ ')}`);
}

// A model for each dialect of a provider, on one gateway.
async function served(t, only) {
  const { up, weir } = await world(t);
  const backs = only ? [only] : [...new Set(CASES.map((c) => c.back))];
  const ups = [];
  for (const back of backs) ups.push(await up(back));
  const w = await weir(...ups, 'routing: { fallback: false }');
  const at = Object.fromEntries(backs.map((b, i) => [b, { up: ups[i], model: i ? `m${i}` : 'm' }]));
  return { w, at };
}

for (const [name, sdk] of Object.entries(SDKS)) {
  test(`recorded answers: ${name}`, { skip: why }, async (t) => {
    const { w, at } = await served(t, sdk.only);
    const client = sdk.client(w, 'p0');
    for (const back of Object.keys(at))
      await t.test(`on ${back}`, async () => {
        const wrong = [];
        const judged = CASES.filter((c) => c.back === back && !(sdk.deaf && c.reading.input === null));
        assert.ok(judged.length, `no recording of ${back} is left to judge`);
        for (const { id, stream, reading } of judged) {
          const { up, model } = at[back];
          await up.always({ recorded: id, pieces: true });
          const tools = [...new Set(reading.tools.map(([tool]) => tool))];
          const got = await sdk.ask(client, { model, tools, stream }).catch((e) => e);
          const bad =
            got instanceof Error
              ? [`${got.constructor.name}: ${got.message.slice(0, 300)}`]
              : faults(reading, got, sdk.deaf);
          wrong.push(...bad.map((one) => `${id}: ${one}`));
        }
        assert.deepEqual(wrong, []);
      });
  });
}
