// SPDX-License-Identifier: Apache-2.0
// The official SDKs through weir, each on providers of both dialects: what they yield must be what the
// provider said, their errors the right classes, their retries ours to steer, their aborts felt upstream.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dep, skip, world } from './lib.mjs';

const MODEL = 'm';
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
const SCHEMA = { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'string' } } };

// ---- one interface over both SDKs: { text, thinking, tools, finish, input, output }

const chat = {
  name: 'openai',
  client(w, options) {
    const { OpenAI } = dep('openai');
    return new OpenAI({
      baseURL: `${w.base}/v1`,
      apiKey: 'client-key',
      maxRetries: 0,
      timeout: 10e3,
      ...options,
    });
  },
  body: (messages, fields) => ({
    model: MODEL,
    messages,
    tools: ['add', 'now'].map((name) => ({
      type: 'function',
      function: { name, description: name, parameters: SCHEMA },
    })),
    ...fields,
  }),
  result({ message, finish_reason: finish }, usage) {
    return {
      text: message.content ?? '',
      thinking: message.reasoning_content ?? '',
      tools: (message.tool_calls ?? []).map((c) => [
        c.id,
        c.function.name,
        JSON.parse(c.function.arguments),
      ]),
      finish,
      input: usage.prompt_tokens,
      output: usage.completion_tokens,
      message,
    };
  },
  async whole(client, messages) {
    const r = await client.chat.completions.create(this.body(messages));
    return this.result(r.choices[0], r.usage);
  },
  async stream(client, messages) {
    let thinking = '';
    const s = client.chat.completions.stream(
      this.body(messages, { stream_options: { include_usage: true } }),
    );
    for await (const chunk of s) thinking += chunk.choices[0]?.delta.reasoning_content ?? '';
    const r = await s.finalChatCompletion();
    return { ...this.result(r.choices[0], r.usage), thinking };
  },
  toolRound: (got, results) => [
    {
      role: 'assistant',
      content: got.text,
      reasoning_content: got.thinking,
      tool_calls: got.message.tool_calls.map(({ id, type, function: f }) => ({
        id,
        type,
        function: { name: f.name, arguments: f.arguments },
      })),
    },
    ...got.tools.map(([id], i) => ({ role: 'tool', tool_call_id: id, content: results[i] })),
  ],
  raw: (client, fields, options) =>
    client.chat.completions.create(chat.body([{ role: 'user', content: 'hi' }], fields), options),
  isText: (event) => event.choices?.[0]?.delta?.content,
};

const messages = {
  name: 'anthropic',
  client(w, options) {
    const { Anthropic } = dep('@anthropic-ai/sdk');
    return new Anthropic({
      baseURL: w.base,
      apiKey: 'client-key',
      maxRetries: 0,
      timeout: 10e3,
      ...options,
    });
  },
  body: (list, fields) => ({
    model: MODEL,
    max_tokens: 2000,
    messages: list,
    tools: ['add', 'now'].map((name) => ({ name, description: name, input_schema: SCHEMA })),
    ...fields,
  }),
  result(r) {
    const of = (type) => r.content.filter((b) => b.type === type);
    return {
      text: of('text')
        .map((b) => b.text)
        .join(''),
      thinking: of('thinking')
        .map((b) => b.thinking)
        .join(''),
      tools: of('tool_use').map((b) => [b.id, b.name, b.input]),
      finish: { end_turn: 'stop', tool_use: 'tool_calls', max_tokens: 'length' }[r.stop_reason],
      input:
        r.usage.input_tokens +
        (r.usage.cache_read_input_tokens ?? 0) +
        (r.usage.cache_creation_input_tokens ?? 0),
      output: r.usage.output_tokens,
      content: r.content,
    };
  },
  async whole(client, list) {
    return this.result(await client.messages.create(this.body(list)));
  },
  async stream(client, list) {
    return this.result(await client.messages.stream(this.body(list)).finalMessage());
  },
  toolRound: (got, results) => [
    { role: 'assistant', content: got.content },
    {
      role: 'user',
      content: got.tools.map(([id], i) => ({
        type: 'tool_result',
        tool_use_id: id,
        content: results[i],
      })),
    },
  ],
  raw: (client, fields, options) =>
    client.messages.create(messages.body([{ role: 'user', content: 'hi' }], fields), options),
  isText: (event) =>
    event.type === 'content_block_delta' && event.delta.type === 'text_delta' && event.delta.text,
};

const responses = {
  name: 'openai.responses',
  client: chat.client,
  body: (input, fields) => ({
    model: MODEL,
    input,
    store: false,
    include: ['reasoning.encrypted_content'],
    reasoning: { effort: 'medium', summary: 'auto' },
    tools: ['add', 'now'].map((name) => ({
      type: 'function',
      name,
      description: name,
      parameters: SCHEMA,
      strict: false,
    })),
    ...fields,
  }),
  result(r) {
    const of = (type) => r.output.filter((item) => item.type === type);
    const calls = of('function_call');
    const why = r.incomplete_details?.reason;
    return {
      text: r.output_text,
      thinking: of('reasoning')
        .flatMap((item) => item.summary)
        .map((part) => part.text)
        .join(''),
      tools: calls.map((c) => [c.call_id, c.name, JSON.parse(c.arguments)]),
      finish: why === 'max_output_tokens' ? 'length' : calls.length ? 'tool_calls' : 'stop',
      input: r.usage.input_tokens,
      output: r.usage.output_tokens,
      items: r.output,
    };
  },
  async whole(client, input) {
    return this.result(await client.responses.create(this.body(input)));
  },
  // The helper checks the order of the events, and that each belongs to an item that is there.
  async stream(client, input) {
    const s = client.responses.stream(this.body(input));
    let text = '';
    let next = 0;
    for await (const event of s) {
      assert.equal(event.sequence_number, next++, event.type);
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    const got = this.result(await s.finalResponse());
    assert.equal(got.text, text);
    return got;
  },
  // The items go back as they came, parsed_arguments and all that the helper added left out.
  toolRound: (got, results) => [
    ...got.items.map(({ parsed_arguments: _, ...item }) => item),
    ...got.tools.map(([id], i) => ({
      type: 'function_call_output',
      call_id: id,
      output: results[i],
    })),
  ],
  raw: (client, fields, options) =>
    client.responses.create(responses.body([{ role: 'user', content: 'hi' }], fields), options),
  isText: (event) => event.type === 'response.output_text.delta' && event.delta,
};

const FRONTS = [chat, messages, responses];
const BACKS = ['openai', 'anthropic'];
const ALL_BACKS = [...BACKS, 'openai-responses']; // for what depends on how an answer is written

function each(title, run, backs = BACKS) {
  for (const front of FRONTS) {
    for (const back of backs) {
      test(`${title}: ${front.name} SDK on ${back}`, { skip }, async (t) => {
        const { up, weir } = await world(t);
        const a = await up(back);
        const w = await weir(a);
        await run({ front, back, a, w, client: (options) => front.client(w, options) });
      });
    }
  }
}

async function caught(promise) {
  try {
    await promise;
  } catch (e) {
    return e;
  }
  return assert.fail('no error was thrown');
}

// ---- answers that are asked for again

test('answers by their id: openai.responses SDK', { skip }, async (t) => {
  const { NotFoundError, BadRequestError } = dep('openai');
  const { up, weir } = await world(t);
  const a = await up('anthropic');
  await a.always({ says: { text: 'Here.' } });
  const client = chat.client(await weir(a));
  const first = await client.responses.create({ model: MODEL, input: 'one?' });
  const last = await client.responses.create({
    model: MODEL,
    input: 'two?',
    previous_response_id: first.id,
  });
  const again = await client.responses.retrieve(last.id);
  assert.equal(again.output_text, 'Here.');
  assert.equal(again.previous_response_id, first.id);
  const asked = [];
  for await (const item of client.responses.inputItems.list(last.id, { limit: 2, order: 'asc' }))
    asked.push([item.role, item.content[0].text]); // in two pages
  assert.deepEqual(asked, [
    ['user', 'one?'],
    ['assistant', 'Here.'],
    ['user', 'two?'],
  ]);
  await assert.rejects(client.responses.cancel(last.id), BadRequestError);
  await client.responses.delete(last.id);
  await assert.rejects(client.responses.retrieve(last.id), NotFoundError);
  assert.equal((await client.responses.retrieve(first.id)).id, first.id);
});

// ---- answers

each('text, whole and streamed', async ({ front, a, client }) => {
  await a.always({ says: { text: 'Grüße 😀', input: 11, output: 7, pieces: 1 } });
  for (const how of ['whole', 'stream']) {
    const got = await front[how](client(), [{ role: 'user', content: 'hi' }]);
    assert.deepEqual(
      [got.text, got.finish, got.input, got.output],
      ['Grüße 😀', 'stop', 11, 7],
      how,
    );
  }
}, ALL_BACKS);

each('parallel tools and reasoning, whole and streamed', async ({ front, a, client }) => {
  await a.always({ says: TURN });
  for (const how of ['whole', 'stream']) {
    const got = await front[how](client(), [{ role: 'user', content: 'add' }]);
    assert.deepEqual(
      [got.text, got.thinking, got.finish],
      [TURN.text, TURN.thinking, 'tool_calls'],
      how,
    );
    assert.deepEqual(
      got.tools,
      [
        ['call_01AAAA', 'add', TURN.tools[0][2]],
        ['call_01BBBB', 'now', {}],
      ],
      how,
    );
    assert.deepEqual([got.input, got.output], [48, 33], how);
  }
  const sent = (await a.requests())[0].body;
  assert.deepEqual(
    sent.tools.map((tool) => tool.name ?? tool.function.name),
    ['add', 'now'],
  );
}, ALL_BACKS);

each('a round of tool results', async ({ front, back, a, client }) => {
  await a.script({ says: TURN }, { says: { text: 'Both are done.' } });
  const c = client();
  const start = [{ role: 'user', content: 'add' }];
  const first = await front.stream(c, start);
  const got = await front.stream(c, [...start, ...front.toolRound(first, ['three', 'noon "é"'])]);
  assert.equal(got.text, 'Both are done.');

  const { messages: list, input: items } = (await a.requests())[1].body;
  if (back === 'openai-responses') {
    assert.deepEqual(
      items.filter((item) => item.type === 'function_call').map((item) => item.call_id),
      ['call_01AAAA', 'call_01BBBB'],
    );
    assert.deepEqual(
      items.slice(-2).map((item) => [item.type, item.call_id, item.output]),
      [
        ['function_call_output', 'call_01AAAA', 'three'],
        ['function_call_output', 'call_01BBBB', 'noon "é"'],
      ],
    );
    // What the model thought comes back sealed wherever the client's language has a place for it.
    const thought = items.find((item) => item.type === 'reasoning');
    if (front !== chat) assert.equal(thought.encrypted_content, 'gAAAAABlseal');
  } else if (back === 'openai') {
    assert.deepEqual(
      list.map((m) => m.role),
      ['user', 'assistant', 'tool', 'tool'],
    );
    assert.deepEqual(
      list[1].tool_calls.map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]),
      first.tools,
    );
    assert.deepEqual(
      list.slice(2).map((m) => m.tool_call_id),
      ['call_01AAAA', 'call_01BBBB'],
    );
    assert.match(JSON.stringify(list[3].content), /noon \\"é\\"/);
  } else {
    assert.deepEqual(
      list.map((m) => m.role),
      ['user', 'assistant', 'user'],
    );
    assert.deepEqual(
      list[1].content.filter((b) => b.type === 'tool_use').map((b) => [b.id, b.name, b.input]),
      first.tools,
    );
    assert.deepEqual(
      list[2].content.map((b) => [b.type, b.tool_use_id]),
      [
        ['tool_result', 'call_01AAAA'],
        ['tool_result', 'call_01BBBB'],
      ],
    );
    assert.match(JSON.stringify(list[2].content[1].content), /noon \\"é\\"/);
  }
  if (front !== chat && back === 'anthropic') {
    const thinking = list[1].content.find((b) => b.type === 'thinking');
    assert.deepEqual([thinking.thinking, thinking.signature], [TURN.thinking, 'c2lnbmF0dXJl']);
  }
}, ALL_BACKS);

each('the answer was cut by its limit', async ({ front, a, client }) => {
  await a.always({ says: { text: 'and so', stop: 'length' } });
  for (const how of ['whole', 'stream'])
    assert.equal((await front[how](client(), [{ role: 'user', content: 'hi' }])).finish, 'length');
}, ALL_BACKS);

// ---- errors

// What the provider says, the SDK's class, and the status it sees.
const CLASSES = [
  [400, 'BadRequestError', 400],
  [404, 'NotFoundError', 404],
  [401, 'InternalServerError', 502],
  [429, 'RateLimitError', 429],
  [500, 'InternalServerError', 502],
];

for (const [status, name, expected] of CLASSES) {
  each(`a ${status} of the provider`, async ({ front, a, client }) => {
    await a.always({ refuses: status, message: `it said ${status}` });
    const e = await caught(front.raw(client()));
    assert.deepEqual([e.constructor.name, e.status], [name, expected], String(e));
    assert.ok(e.requestID ?? e.headers?.get('x-weir-request-id'), 'no request id');
    if (status === 400 || status === 404) assert.match(e.message, new RegExp(`it said ${status}`));
  });
}

for (const front of FRONTS) {
  test(`a wrong key is an AuthenticationError: ${front.name} SDK`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up('openai');
    const w = await weir(a);
    const e = await caught(front.raw(front.client(w, { apiKey: 'wrong' })));
    assert.deepEqual([e.constructor.name, e.status], ['AuthenticationError', 401]);
    const unknown = await caught(front.raw(front.client(w), { model: 'nobody-has-it' }));
    const gone = front === responses ? ['BadRequestError', 400] : ['NotFoundError', 404];
    assert.deepEqual([unknown.constructor.name, unknown.status], gone);
    assert.equal((await a.requests()).length, 0);
  });
}

// Of a response that failed the SDK throws nothing: it is an event like others, and its reader's to see.
function told(event) {
  if (event.type === 'response.failed') throw Object.assign(new Error(), event.response);
}

each('a stream that breaks throws after its text', async ({ front, back, a, client }) => {
  await a.always({
    cut: { text: 'one two three four' },
    after: back === 'openai' ? 3 : 5,
    end: 'rst',
  });
  let text = '';
  const e = await caught(
    (async () => {
      for await (const event of await front.raw(client(), { stream: true })) {
        text += front.isText(event) || '';
        told(event);
      }
    })(),
  );
  assert.ok(text && 'one two three four'.startsWith(text), text);
  assert.match(
    `${e.constructor.name} ${e.message} ${JSON.stringify(e.error ?? '')}`,
    /api_error|server_error|upstream|provider/i,
  );
}, ALL_BACKS);

each(
  'an overload in mid-stream is an error of that kind',
  async ({ front, a, client }) => {
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    const start = {
      type: 'message_start',
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        content: [],
        model: 'up',
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      },
    };
    const list = [
      start,
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'one' } },
      error,
    ];
    const sse = list.map((e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`).join('');
    await a.always({
      raw: [
        `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n${sse}`,
      ],
    });
    const e = await caught(
      (async () => {
        for await (const event of await front.raw(client(), { stream: true })) told(event);
      })(),
    );
    assert.match(`${e.message} ${JSON.stringify(e.error ?? '')}`, /overloaded/i);
  },
  ['anthropic'],
);

// ---- retries: the SDK's own, steered by us

each('SDK retries: a passing fault is overcome', async ({ front, a, client }) => {
  // Ours are spent first: one attempt, and one more at the same place; then the SDK tries again.
  await a.script({ refuses: 500 }, { refuses: 500 });
  await a.always({ says: { text: 'better now' } });
  const got = await front.whole(client({ maxRetries: 2 }), [{ role: 'user', content: 'hi' }]);
  assert.equal(got.text, 'better now');
  assert.ok((await a.requests()).length <= 4);
});

each('x-should-retry: a permanent error is tried once', async ({ front, a, client }) => {
  for (const status of [400, 401]) {
    await a.forget();
    await a.always({ refuses: status, message: 'never' });
    const e = await caught(front.raw(client({ maxRetries: 2 })));
    assert.equal(e.headers.get('x-should-retry'), 'false', String(status));
    assert.equal((await a.requests()).length, 1, `${status} reached the provider more than once`);
  }
});

each('U12 quota is spent: the SDK does not try again', async ({ front, a, client }) => {
  await a.always({
    refuses: 429,
    message: 'You exceeded your current quota',
    kind: 'insufficient_quota',
    code: 'insufficient_quota',
  });
  const e = await caught(front.raw(client({ maxRetries: 2 })));
  assert.equal(e.status, 503);
  assert.equal((await a.requests()).length, 1);
});

test(
  'SDK and gateway together: a dead provider is asked a bounded number of times',
  { skip },
  async (t) => {
    const { up, weir } = await world(t);
    for (const front of FRONTS) {
      const a = await up('openai');
      await a.always({ refuses: 503 });
      const w = await weir(a);
      await caught(front.raw(front.client(w, { maxRetries: 2 })));
      assert.ok((await a.requests()).length <= 9, 'more than 3 SDK tries of 3 attempts');
    }
  },
);

// ---- abort

each('an abort in mid-stream closes the provider within a second', async ({ front, a, client }) => {
  await a.always({ says: { text: 'word '.repeat(400) }, gap: 0.02 });
  const controller = new AbortController();
  const stream = await front.raw(client(), { stream: true }, { signal: controller.signal });
  let seen = 0;
  for await (const event of stream) {
    if (front.isText(event) && ++seen === 5) controller.abort();
  }
  const aborted = Date.now();
  const { ms_ago: ago } = await a.waitClosed();
  assert.ok(Date.now() - ago - aborted < 1000, 'closed too late');
});

each(
  'an abort before the answer closes the provider within a second',
  async ({ front, a, client }) => {
    await a.always({ stalls: 30 });
    const controller = new AbortController();
    const pending = caught(front.raw(client(), {}, { signal: controller.signal }));
    await a.wait({ hits: 1 });
    controller.abort();
    const aborted = Date.now();
    assert.match((await pending).constructor.name, /Abort/);
    const { ms_ago: ago } = await a.waitClosed();
    assert.ok(Date.now() - ago - aborted < 1000, 'closed too late');
  },
);

each('the timeout of the SDK closes the provider too', async ({ front, a, client }) => {
  await a.always({ stalls: 30 });
  const e = await caught(front.raw(client({ timeout: 300 })));
  assert.match(e.constructor.name, /Timeout/);
  const { ms_ago: ago } = await a.waitClosed();
  assert.ok(ago < 3000);
});

// ---- what else the SDKs ask for

test('models are listed and tokens are counted', { skip }, async (t) => {
  const { up, weir } = await world(t);
  const w = await weir(await up('openai'), await up('anthropic'));
  const listed = [];
  for await (const model of chat.client(w).models.list()) listed.push(model.id);
  assert.deepEqual(listed.slice(0, 2), ['m', 'm1']);
  const counted = await messages.client(w).messages.countTokens({
    model: MODEL,
    messages: [{ role: 'user', content: 'word '.repeat(100) }],
  });
  assert.ok(
    counted.input_tokens >= 80 && counted.input_tokens <= 250,
    String(counted.input_tokens),
  );
});

test('fallback is unseen by an SDK', { skip }, async (t) => {
  const { up, weir } = await world(t);
  for (const front of FRONTS) {
    const [a, b] = [await up('openai'), await up('anthropic')];
    await a.always({ cut: { text: 'never seen' }, after: 1, end: 'rst' });
    await b.always({ says: { text: 'from b' } });
    const got = await front.stream(front.client(await weir(a, b)), [
      { role: 'user', content: 'hi' },
    ]);
    assert.equal(got.text, 'from b');
  }
});
