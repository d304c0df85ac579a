// SPDX-License-Identifier: Apache-2.0
// The table of errors (docs/dialects/errors.md) as the official SDKs see it: for each canonical error that
// can be provoked, each front's own shape and the class that its SDK raises, before a stream and inside one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dep, skip, world } from './lib.mjs';

const HI = [{ role: 'user', content: 'hi' }];
const options = (w, more) => ({
  baseURL: `${w.base}/v1`,
  apiKey: 'client-key',
  maxRetries: 0,
  timeout: 10e3,
  ...more,
});

// ---- the fronts: how to ask, and what an error says of itself in that language

const openai = (w, more) => new (dep('openai').OpenAI)(options(w, more));
const chat = {
  name: 'chat',
  client: openai,
  ask: (c, fields, o) => c.chat.completions.create({ model: 'm', messages: HI, ...fields }, o),
  get: (c) => c.get('/chat/completions'),
  wrong: { max_tokens: 'many' },
  said: (e) => [e.type, e.code],
};
const responses = {
  name: 'responses',
  client: openai,
  ask: (c, fields, o) => c.responses.create({ model: 'm', input: HI, store: false, ...fields }, o),
  get: (c) => c.get('/responses'),
  wrong: { max_output_tokens: 'many' },
  said: chat.said,
};
const messages = {
  name: 'messages',
  client: (w, more) =>
    new (dep('@anthropic-ai/sdk').Anthropic)({ ...options(w, more), baseURL: w.base }),
  ask: (c, fields, o) =>
    c.messages.create({ model: 'm', max_tokens: 64, messages: HI, ...fields }, o),
  get: (c) => c.get('/v1/messages'),
  wrong: { max_tokens: 'many' },
  said: (e) => [e.error?.error?.type],
};
const FRONTS = [chat, responses, messages];

async function caught(promise) {
  try {
    await promise;
  } catch (e) {
    return e;
  }
  return assert.fail('no error was thrown');
}

// ---- before a stream

// OpenAI: class, status, type, code. Anthropic: class, status, type. `ask` provokes; `from` is what the
// provider does meanwhile; `differs` is what Responses answers otherwise than Chat.
const refuses = (status, code, kind) => ({ refuses: status, message: 'it said no', code, kind });
const TABLE = [
  {
    error: 'bad_request',
    ask: (f, c, stream) => f.ask(c, { ...f.wrong, stream }),
    openai: ['BadRequestError', 400, 'invalid_request_error', 'invalid_type'],
    anthropic: ['BadRequestError', 400, 'invalid_request_error'],
  },
  {
    error: 'context_length',
    from: refuses(400, 'context_length_exceeded'),
    openai: ['BadRequestError', 400, 'invalid_request_error', 'context_length_exceeded'],
    anthropic: ['BadRequestError', 400, 'invalid_request_error'],
  },
  {
    error: 'policy',
    from: refuses(400, 'content_filter'),
    openai: ['BadRequestError', 400, 'invalid_request_error', 'content_filter'],
    anthropic: ['BadRequestError', 400, 'invalid_request_error'],
  },
  {
    error: 'auth',
    with: { apiKey: 'wrong' },
    openai: ['AuthenticationError', 401, 'invalid_request_error', 'invalid_api_key'],
    anthropic: ['AuthenticationError', 401, 'authentication_error'],
  },
  {
    error: 'forbidden',
    with: { defaultHeaders: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' } },
    openai: ['PermissionDeniedError', 403, 'invalid_request_error', 'permission_denied'],
    anthropic: ['PermissionDeniedError', 403, 'permission_error'],
  },
  {
    error: 'not_found',
    ask: (f, c, stream) => f.ask(c, { model: 'nobody-has-it', stream }),
    openai: ['NotFoundError', 404, 'invalid_request_error', 'model_not_found'],
    differs: ['BadRequestError', 400, 'invalid_request_error', 'model_not_found'],
    anthropic: ['NotFoundError', 404, 'not_found_error'],
  },
  {
    error: 'method',
    ask: (f, c) => f.get(c),
    openai: ['APIError', 405, 'invalid_request_error', 'method_not_allowed'],
    anthropic: ['APIError', 405, 'invalid_request_error'],
  },
  {
    error: 'too_large',
    ask: (f, c, stream) => f.ask(c, { metadata: { user_id: 'x'.repeat(20000) }, stream }),
    openai: ['APIError', 413, 'invalid_request_error', 'request_too_large'],
    anthropic: ['ContentTooLargeError', 413, 'request_too_large'],
  },
  {
    error: 'media_type',
    ask: (f, c, stream) => f.ask(c, { stream }, { headers: { 'content-type': 'text/plain' } }),
    openai: ['APIError', 415, 'invalid_request_error', 'unsupported_media_type'],
    anthropic: ['APIError', 415, 'invalid_request_error'],
  },
  {
    error: 'rate_limited',
    from: refuses(429),
    openai: ['RateLimitError', 429, 'requests', 'rate_limit_exceeded'],
    anthropic: ['RateLimitError', 429, 'rate_limit_error'],
    waits: true,
  },
  {
    error: 'upstream',
    from: { raw: ['HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'] },
    openai: ['InternalServerError', 502, 'server_error', 'upstream_error'],
    anthropic: ['InternalServerError', 502, 'api_error'],
    waits: true,
  },
  {
    error: 'upstream_auth',
    from: refuses(401),
    openai: ['InternalServerError', 502, 'server_error', 'upstream_auth_error'],
    anthropic: ['InternalServerError', 502, 'api_error'],
  },
  {
    error: 'overloaded',
    from: refuses(503),
    openai: ['InternalServerError', 503, 'service_unavailable_error', 'server_is_overloaded'],
    anthropic: ['OverloadedError', 529, 'overloaded_error'],
    waits: true,
  },
  {
    error: 'timeout',
    from: { stalls: 5 },
    with: { defaultHeaders: { 'x-request-timeout': '0.3' } },
    openai: ['InternalServerError', 504, 'server_error', 'timeout'],
    anthropic: ['GatewayTimeoutError', 504, 'timeout_error'],
  },
];

const expected = (row, front) =>
  front === messages ? row.anthropic : (front === responses && row.differs) || row.openai;

for (const row of TABLE) {
  for (const front of FRONTS) {
    for (const stream of [false, true]) {
      const how = stream ? 'asked for a stream' : 'asked for a body';
      test(`${row.error}: ${front.name}, ${how}`, { skip }, async (t) => {
        const { up, weir } = await world(t);
        const a = await up('openai');
        const w = await weir(a, 'limits: { body: 16KiB }');
        if (row.from) await a.always(row.from);
        const client = front.client(w, row.with);
        const ask = row.ask ?? ((f, c) => f.ask(c, { stream }));
        const e = await caught(ask(front, client, stream));
        assert.deepEqual(
          [e.constructor.name, e.status, ...front.said(e)],
          expected(row, front),
          `${e}`,
        );
        assert.ok(e.headers.get('x-weir-request-id'), 'no request id');
        if (row.waits) assert.ok(Number(e.headers.get('retry-after')) >= 1, 'no retry-after');
      });
    }
  }
}

// ---- inside a stream: what the provider says after its first words, on a 200 that is long sent

const TYPES = [
  ['overloaded_error', 'server_is_overloaded', 'overloaded_error'],
  ['rate_limit_error', 'rate_limit_exceeded', 'rate_limit_error'],
  ['api_error', 'upstream_error', 'api_error'],
];

function broken(type) {
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
    { type: 'error', error: { type, message: 'It broke.' } },
  ];
  const sse = (e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`;
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n';
  // The words must have left before the error comes: else it has a status, see below.
  return { raw: [head + list.slice(0, 3).map(sse).join(''), 0.3, sse(list[3])] };
}

async function listen(front, client) {
  const events = [];
  const error = await (async () => {
    for await (const event of await front.ask(client, { stream: true })) events.push(event);
    return null;
  })().catch((e) => e);
  return { events, error };
}

for (const [type, code, told] of TYPES) {
  for (const front of FRONTS) {
    test(`${type} in mid-stream: ${front.name}`, { skip }, async (t) => {
      const { up, weir } = await world(t);
      const a = await up('anthropic');
      await a.always(broken(type));
      const { events, error } = await listen(front, front.client(await weir(a)));
      assert.match(JSON.stringify(events), /one/, 'the words before it were lost');
      if (front === responses) {
        // The SDK throws nothing here: the response that failed is its last event.
        const last = events.at(-1);
        assert.deepEqual([last.type, last.response.status], ['response.failed', 'failed']);
        assert.equal(last.response.error.code, code);
        return;
      }
      assert.equal(error?.constructor.name, 'APIError', String(error));
      if (front === chat) assert.equal(error.code, code);
      else assert.equal(error.error.error.type, told);
    });
  }
}

// An error before any word: nothing was sent yet, so it has a status and a class like any other.
for (const front of FRONTS) {
  test(`an error as the first event of a 200 has a status: ${front.name}`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up('anthropic');
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    const sse = `event: error\ndata: ${JSON.stringify(error)}\n\n`;
    await a.always({
      raw: [`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n${sse}`],
    });
    const { events, error: e } = await listen(front, front.client(await weir(a)));
    assert.equal(events.length, 0);
    assert.deepEqual(
      [e.constructor.name, e.status],
      front === messages ? ['OverloadedError', 529] : ['InternalServerError', 503],
    );
  });
}
