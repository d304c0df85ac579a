// SPDX-License-Identifier: Apache-2.0
// AWS's own SDK as a client of Converse: its parser of the binary stream, with both checksums, judges what
// weir writes, its error classes and its two kinds of credentials what weir refuses.
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
const WANT = {
  text: TURN.text,
  thinking: TURN.thinking,
  stop: 'tool_use',
  tools: [
    ['call_01AAAA', 'add', { a: 1, b: 'é中\n"q"\\' }],
    ['call_01BBBB', 'now', {}],
  ],
  usage: [40, 8, 33],
};

function client(w, options) {
  const { BedrockRuntimeClient } = dep('@aws-sdk/client-bedrock-runtime');
  const { NodeHttpHandler } = dep('@smithy/node-http-handler');
  return new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: w.base,
    token: { token: 'client-key' },
    authSchemePreference: ['httpBearerAuth'],
    requestHandler: new NodeHttpHandler(), // the default one speaks HTTP/2 without asking
    maxAttempts: 1,
    ...options,
  });
}

function ask(messages, fields) {
  const inputSchema = { json: { type: 'object', properties: {} } };
  return {
    modelId: 'm',
    messages,
    toolConfig: { tools: ['add', 'now'].map((name) => ({ toolSpec: { name, inputSchema } })) },
    ...fields,
  };
}

const usageOf = (u) => [u.inputTokens, u.cacheReadInputTokens ?? 0, u.outputTokens];
const user = (text) => [{ role: 'user', content: [{ text }] }];

async function whole(c, input) {
  const { ConverseCommand } = dep('@aws-sdk/client-bedrock-runtime');
  const got = await c.send(new ConverseCommand(input));
  const { content } = got.output.message;
  const uses = content.filter((b) => b.toolUse).map((b) => b.toolUse);
  return {
    content,
    said: {
      text: content.map((b) => b.text ?? '').join(''),
      thinking: content.map((b) => b.reasoningContent?.reasoningText?.text ?? '').join(''),
      stop: got.stopReason,
      tools: uses.map((u) => [u.toolUseId, u.name, u.input]),
      usage: usageOf(got.usage),
    },
  };
}

async function stream(c, input, each = () => {}) {
  const { ConverseStreamCommand } = dep('@aws-sdk/client-bedrock-runtime');
  const said = { text: '', thinking: '', tools: [] };
  const got = await c.send(new ConverseStreamCommand(input));
  for await (const event of got.stream) {
    each(event);
    const use = event.contentBlockStart?.start?.toolUse;
    const delta = event.contentBlockDelta?.delta;
    if (use) said.tools.push([use.toolUseId, use.name, '']);
    said.text += delta?.text ?? '';
    said.thinking += delta?.reasoningContent?.text ?? '';
    if (delta?.toolUse) said.tools.at(-1)[2] += delta.toolUse.input;
    if (event.messageStop) said.stop = event.messageStop.stopReason;
    if (event.metadata) said.usage = usageOf(event.metadata.usage);
  }
  said.tools = said.tools.map(([id, name, input]) => [id, name, JSON.parse(input || '{}')]);
  return { said };
}

const BACKS = ['openai', 'anthropic', 'gemini', 'openai-responses', 'cohere'];

for (const back of BACKS) {
  test(`tools and thoughts, whole and streamed: AWS SDK on ${back}`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up(back);
    const w = await weir(a);
    await a.always({ says: TURN });
    for (const how of [whole, stream])
      assert.deepEqual((await how(client(w), ask(user('add')))).said, WANT, how.name);
  });

  test(`a round of tool results: AWS SDK on ${back}`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up(back);
    const w = await weir(a);
    await a.script({ says: TURN }, { says: { text: 'Both are done.' } });
    const first = await whole(client(w), ask(user('add')));
    const results = WANT.tools.map(([toolUseId], i) => ({
      toolResult: { toolUseId, content: [i ? { json: { noon: 'é' } } : { text: 'three' }] },
    }));
    const again = [
      ...user('add'),
      { role: 'assistant', content: first.content },
      { role: 'user', content: results },
    ];
    assert.equal((await stream(client(w), ask(again))).said.text, 'Both are done.');
    const { messages, contents, input } = (await a.requests())[1].body;
    const sent = JSON.stringify(messages ?? contents ?? input);
    for (const part of ['call_01AAAA', 'call_01BBBB', 'three', 'noon'])
      assert.ok(sent.includes(part), part);
  });
}

// Parts of a message that are no text, and the limits, as each provider is to get them.
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const SHOWN = {
  openai: { picture: `data:image/png;base64,${PNG.toString('base64')}`, limit: 'max_tokens' },
  anthropic: { picture: PNG.toString('base64'), limit: 'max_tokens' },
  gemini: { picture: PNG.toString('base64'), limit: 'maxOutputTokens' },
};

for (const [back, { picture, limit }] of Object.entries(SHOWN)) {
  test(`a picture, a document and limits: AWS SDK on ${back}`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up(back);
    const w = await weir(a);
    await a.always({ says: { text: 'and so', stop: 'length' } });
    const pdf = { bytes: Buffer.from('%PDF-1.4') };
    const content = [
      { text: 'What is this?' },
      { image: { format: 'png', source: { bytes: PNG } } },
      { document: { format: 'pdf', name: 'Annual report', source: pdf } },
    ];
    const { said } = await whole(
      client(w),
      ask([{ role: 'user', content }], {
        system: [{ text: 'Be brief.' }],
        inferenceConfig: { maxTokens: 77, temperature: 0.25, stopSequences: ['END'] },
        toolConfig: undefined,
      }),
    );
    assert.deepEqual([said.text, said.stop], ['and so', 'max_tokens']);
    const sent = JSON.stringify((await a.requests())[0].body);
    for (const part of [picture, pdf.bytes.toString('base64'), 'Annual report', 'Be brief.', 'END'])
      assert.ok(sent.includes(part), part);
    assert.match(sent, new RegExp(`"${limit}":77`));
    assert.match(sent, /"temperature":0\.25/);
  });
}

test('an abort in mid-stream closes the provider within a second: AWS SDK', { skip }, async (t) => {
  const { ConverseStreamCommand } = dep('@aws-sdk/client-bedrock-runtime');
  const { up, weir } = await world(t);
  const a = await up('openai');
  const w = await weir(a);
  await a.always({ says: { text: 'word '.repeat(400) }, gap: 0.02 });
  const controller = new AbortController();
  const got = await client(w).send(new ConverseStreamCommand(ask(user('hi'))), {
    abortSignal: controller.signal,
  });
  let seen = 0;
  await assert.rejects(async () => {
    for await (const event of got.stream)
      if (event.contentBlockDelta && ++seen === 5) controller.abort();
  });
  const aborted = Date.now();
  const { ms_ago: ago } = await a.waitClosed();
  assert.ok(Date.now() - ago - aborted < 1000, 'closed too late');
});

// What the provider says, and the SDK's class.
const CLASSES = [
  [400, 'ValidationException', 400],
  [429, 'ThrottlingException', 429],
  [401, 'ModelErrorException', 502],
  [500, 'ModelErrorException', 502],
];

for (const [status, name, expected] of CLASSES) {
  test(`a ${status} of the provider: AWS SDK`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up('openai');
    const w = await weir(a);
    await a.always({ refuses: status, message: `it said ${status}` });
    for (const how of [whole, stream])
      await assert.rejects(how(client(w), ask(user('hi'))), (e) => {
        assert.deepEqual([e.name, e.$metadata.httpStatusCode], [name, expected]);
        assert.ok(e.$metadata.requestId);
        return true;
      });
  });
}

test('a stream that breaks throws after its text: AWS SDK', { skip }, async (t) => {
  const { up, weir } = await world(t);
  const a = await up('openai');
  const w = await weir(a);
  await a.always({ cut: { text: 'one two three four' }, after: 3, end: 'rst' });
  let text = '';
  await assert.rejects(
    stream(client(w), ask(user('hi')), (event) => {
      text += event.contentBlockDelta?.delta?.text ?? '';
    }),
    { name: 'ModelStreamErrorException' },
  );
  assert.ok(text && 'one two three four'.startsWith(text), text);
});

test('keys: AWS SDK', { skip }, async (t) => {
  const { up, weir } = await world(t);
  const a = await up('openai');
  const w = await weir(a);
  const signing = {
    token: undefined,
    authSchemePreference: ['sigv4'],
    credentials: { accessKeyId: 'AKIA', secretAccessKey: 'secret' },
  };
  await assert.rejects(whole(client(w, signing), ask(user('hi'))), (e) => {
    assert.equal(e.name, 'AccessDeniedException');
    assert.match(e.message, /AWS_BEARER_TOKEN_BEDROCK/);
    return true;
  });
  await assert.rejects(whole(client(w, { token: { token: 'wrong' } }), ask(user('hi'))), {
    name: 'UnrecognizedClientException',
  });
  await assert.rejects(whole(client(w), ask(user('hi'), { modelId: 'nobody/has-it' })), {
    name: 'ResourceNotFoundException',
  });
  assert.equal((await a.requests()).length, 0);
});
