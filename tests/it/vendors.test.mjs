// SPDX-License-Identifier: Apache-2.0
// Other makers' SDKs. Mistral's speaks Chat, so it is a client of every provider; Cohere's and Ollama's
// chats are no languages of ours for clients, and go to their own providers through /providers/NAME/,
// byte for byte, with our credentials.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dep, skip, world } from './lib.mjs';

const TURN = {
  text: 'Let me add both.',
  thinking: 'Two sums are asked for.',
  input: 40,
  cached: 8,
  output: 33,
  tools: [
    ['call_01AAAA', 'add', { a: 1, b: 'é中\n"q"\\' }],
    ['call_01BBBB', 'now', null],
  ],
};
const TOOLS = [TURN.tools[0], ['call_01BBBB', 'now', {}]];
const PARAMETERS = { type: 'object', properties: { a: { type: 'integer' } } };
const DECLARED = ['add', 'now'].map((name) => ({
  type: 'function',
  function: { name, description: name, parameters: PARAMETERS },
}));
const ASK = [{ role: 'user', content: 'add' }];

// A gateway on one provider: run({ a, w, client }), the client made by `make(w)`.
function on(back, title, make, run) {
  test(`${title} on ${back}`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up(back);
    const w = await weir(a);
    await run({ a, w, client: make(w) });
  });
}

const parsed = (args) => (typeof args === 'string' ? JSON.parse(args || '{}') : args);

// ---- Mistral

const mistral = (w, apiKey = 'client-key') => {
  const { Mistral } = dep('@mistralai/mistralai');
  return new Mistral({ serverURL: w.base, apiKey, retryConfig: { strategy: 'none' } });
};
const asked = (messages) => ({ model: 'm', messages, tools: DECLARED });
const text = (content) =>
  typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('');

// Pieces of calls are put together by their index, as Mistral's documents say.
async function streamed(client, messages) {
  const said = { text: '', tools: [] };
  for await (const { data } of await client.chat.stream(asked(messages))) {
    const [choice] = data.choices;
    said.text += text(choice?.delta.content);
    for (const call of choice?.delta.toolCalls ?? []) {
      const at = (said.tools[call.index ?? 0] ??= [call.id, call.function.name, '']);
      at[2] += call.function.arguments;
    }
    said.finish = choice?.finishReason ?? said.finish;
    if (data.usage) said.usage = [data.usage.promptTokens, data.usage.completionTokens];
  }
  said.tools = said.tools.map(([id, name, args]) => [id, name, parsed(args)]);
  return said;
}

async function complete(client, messages) {
  const got = await client.chat.complete(asked(messages));
  const [{ message, finishReason: finish }] = got.choices;
  return {
    text: text(message.content),
    tools: (message.toolCalls ?? []).map((c) => [
      c.id,
      c.function.name,
      parsed(c.function.arguments),
    ]),
    finish,
    usage: [got.usage.promptTokens, got.usage.completionTokens],
  };
}

for (const back of ['mistral', 'anthropic', 'gemini', 'openai']) {
  on(back, 'tools and their results: mistral SDK', mistral, async ({ a, client }) => {
    await a.always({ says: TURN });
    const want = { text: TURN.text, tools: TOOLS, finish: 'tool_calls', usage: [48, 33] };
    assert.deepEqual(await complete(client, ASK), want);
    assert.deepEqual(await streamed(client, ASK), want);

    await a.always({ says: { text: 'Both are done.' } });
    const results = [
      ...ASK,
      {
        role: 'assistant',
        content: TURN.text,
        toolCalls: TOOLS.map(([id, name, args]) => ({
          id,
          function: { name, arguments: JSON.stringify(args) },
        })),
      },
      ...TOOLS.map(([toolCallId, name], i) => ({
        role: 'tool',
        toolCallId,
        name,
        content: ['three', 'noon "é"'][i],
      })),
    ];
    const { text: said, finish } = await streamed(client, results);
    assert.deepEqual([said, finish], ['Both are done.', 'stop']);
    const sent = JSON.stringify((await a.requests()).at(-1).body);
    for (const part of ['three', 'noon ', ...TOOLS.map(([id]) => id)])
      assert.ok(sent.includes(part), part);
  });
}

on('anthropic', 'errors: mistral SDK', mistral, async ({ a, w, client }) => {
  for (const [status, expected] of [
    [400, 400],
    [404, 404],
    [500, 502],
    [429, 429],
  ]) {
    await a.always({ refuses: status, message: `it said ${status}` });
    for (const how of [complete, streamed])
      await assert.rejects(how(client, ASK), (e) => {
        assert.deepEqual([e.constructor.name, e.statusCode], ['SDKError', expected], String(e));
        return true;
      });
  }
  await assert.rejects(complete(mistral(w, 'wrong'), ASK), { statusCode: 401 });
});

// ---- Cohere, through /providers/

const cohere = (w, token = 'client-key') => {
  const { CohereClientV2 } = dep('cohere-ai');
  return new CohereClientV2({ token, environment: `${w.base}/providers/p0` });
};
const once = { maxRetries: 0 };

async function cohereStream(client, body) {
  const said = { text: '', thinking: '', tools: [] };
  for await (const event of await client.chatStream(body, once)) {
    const message = event.delta?.message;
    said.text += message?.content?.text ?? message?.toolPlan ?? '';
    said.thinking += message?.content?.thinking ?? '';
    if (event.type === 'tool-call-start')
      said.tools.push([message.toolCalls.id, message.toolCalls.function.name, '']);
    if (event.type === 'tool-call-delta')
      said.tools.at(-1)[2] += message.toolCalls.function.arguments;
    if (event.type === 'message-end') {
      const { finishReason, usage } = event.delta;
      Object.assign(said, { finish: finishReason, output: usage.tokens.outputTokens });
    }
  }
  said.tools = said.tools.map(([id, name, args]) => [id, name, JSON.parse(args)]);
  return said;
}

on('cohere', 'a chat passes through: cohere SDK', cohere, async ({ a, w, client }) => {
  const body = { model: 'up', messages: ASK, tools: DECLARED };
  await a.always({ says: TURN });
  const got = await client.chat(body, once);
  assert.equal(got.message.content[0].thinking, TURN.thinking);
  assert.equal(got.message.toolPlan, TURN.text);
  assert.deepEqual(
    got.message.toolCalls.map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]),
    TOOLS,
  );
  assert.deepEqual([got.finishReason, got.usage.tokens.inputTokens], ['TOOL_CALL', 48]);
  const { text: said, thinking, tools, finish, output } = await cohereStream(client, body);
  assert.deepEqual(
    [said, thinking, tools, finish, output],
    [TURN.text, TURN.thinking, TOOLS, 'TOOL_CALL', 33],
  );
  const [first] = await a.requests();
  assert.deepEqual(first.body, { ...body, stream: false });
  assert.ok(first.headers.some(([, value]) => value === 'Bearer provider-secret-0'));

  await a.always({ serves: {} });
  const ranked = await client.rerank({ model: 'up', query: 'q', documents: ['a', 'b'] }, once);
  assert.deepEqual(
    ranked.results.map((r) => r.index),
    [0, 1],
  );
  for (const [status, name] of [
    [400, 'BadRequestError'],
    [404, 'NotFoundError'],
    [429, 'TooManyRequestsError'],
  ]) {
    await a.always({ refuses: status, message: `it said ${status}` });
    await assert.rejects(client.chat(body, once), (e) => {
      assert.deepEqual([e.constructor.name, e.statusCode], [name, status], String(e));
      return true;
    });
  }
  await assert.rejects(cohere(w, 'wrong').chat(body, once), { statusCode: 401 });
});

// ---- Ollama, through /providers/

const ollama = (w, key = 'client-key') => {
  const { Ollama } = dep('ollama');
  return new Ollama({
    host: `${w.base}/providers/p0`,
    headers: { authorization: `Bearer ${key}` },
  });
};

on('ollama', 'a chat passes through: ollama SDK', ollama, async ({ a, w, client }) => {
  const body = { model: 'up', messages: ASK, tools: DECLARED };
  await a.always({ says: TURN });
  const tools = (message) =>
    (message.tool_calls ?? []).map((c) => [c.id, c.function.name, c.function.arguments]);
  const got = await client.chat(body);
  assert.deepEqual(
    [got.message.content, got.message.thinking, tools(got.message), got.eval_count],
    [TURN.text, TURN.thinking, TOOLS, 33],
  );
  const said = { content: '', thinking: '', tools: [] };
  let last;
  for await (const part of await client.chat({ ...body, stream: true })) {
    said.content += part.message.content;
    said.thinking += part.message.thinking ?? '';
    said.tools.push(...tools(part.message));
    last = part;
  }
  assert.deepEqual(said, { content: TURN.text, thinking: TURN.thinking, tools: TOOLS });
  assert.deepEqual([last.done, last.prompt_eval_count], [true, 48]);

  await a.always({ serves: {} });
  assert.equal((await client.embed({ model: 'up', input: ['a', 'b'] })).embeddings.length, 2);
  await a.always({ refuses: 404, message: "model 'up' not found" });
  await assert.rejects(client.chat(body), { name: 'ResponseError', status_code: 404 });
  await assert.rejects(ollama(w, 'wrong').chat(body), { name: 'ResponseError', status_code: 401 });
});
