// SPDX-License-Identifier: Apache-2.0
// The table of errors (docs/dialects/errors.md) as the official SDKs see it: for each canonical error that
// can be provoked, each front's own shape and the class that its SDK raises, before a stream and inside one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dep, skip, world } from './lib.mjs';

const HI = [{ role: 'user', content: 'hi' }];
const LONG = 'x'.repeat(20000);
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
  long: { metadata: { user_id: LONG } },
  said: (e) => [e.type, e.code],
};
const responses = {
  name: 'responses',
  client: openai,
  ask: (c, fields, o) => c.responses.create({ model: 'm', input: HI, store: false, ...fields }, o),
  get: (c) => c.get('/responses'),
  wrong: { max_output_tokens: 'many' },
  long: { metadata: { user_id: LONG } },
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
  long: { metadata: { user_id: LONG } },
  said: (e) => [e.error?.error?.type],
};

// Google's SDK has one class for all; its message ends with the body, which says the rest.
const gemini = {
  name: 'gemini',
  client: (w, { apiKey = 'client-key', defaultHeaders: headers } = {}) =>
    new (dep('@google/genai').GoogleGenAI)({
      apiKey,
      httpOptions: { baseUrl: w.base, timeout: 10e3, headers },
    }),
  ask: (c, { model = 'm', stream, contents = 'hi', ...config }, { headers } = {}) => {
    const input = { model, contents, config: { ...config, httpOptions: { headers } } };
    return stream ? c.models.generateContentStream(input) : c.models.generateContent(input);
  },
  get: (c, stream) =>
    c.models.get({ model: `m:${stream ? 'streamGenerateContent' : 'generateContent'}` }),
  wrong: { maxOutputTokens: 'many' },
  long: { contents: LONG },
  said: (e) => [JSON.parse(e.message.slice(e.message.indexOf('{'))).error.status],
};

// What AWS's SDK has no option for is put into its request before it leaves.
function altered(c, change) {
  const step = (next) => (args) => {
    change(args.request);
    return next(args);
  };
  c.middlewareStack.add(step, { step: 'build', priority: 'low' });
  return c;
}

const converse = {
  name: 'converse',
  client: (w, { apiKey = 'client-key', defaultHeaders = {} } = {}) => {
    const { BedrockRuntimeClient } = dep('@aws-sdk/client-bedrock-runtime');
    const { NodeHttpHandler } = dep('@smithy/node-http-handler');
    const c = new BedrockRuntimeClient({
      region: 'us-east-1',
      endpoint: w.base,
      token: { token: apiKey },
      authSchemePreference: ['httpBearerAuth'],
      requestHandler: new NodeHttpHandler(),
      maxAttempts: 1,
    });
    return altered(c, (r) => Object.assign(r.headers, defaultHeaders));
  },
  ask: async (c, { model: modelId = 'm', stream, text = 'hi', ...fields }, { headers } = {}) => {
    const { ConverseCommand, ConverseStreamCommand } = dep('@aws-sdk/client-bedrock-runtime');
    const input = { modelId, messages: [{ role: 'user', content: [{ text }] }], ...fields };
    if (headers) altered(c, (r) => Object.assign(r.headers, headers));
    if (!stream) return c.send(new ConverseCommand(input));
    return (await c.send(new ConverseStreamCommand(input))).stream;
  },
  get: (c, stream) => {
    const change = (r) => Object.assign(r, { method: 'GET', body: undefined });
    return converse.ask(altered(c, change), { stream });
  },
  wrong: { inferenceConfig: { maxTokens: -1 } },
  long: { text: LONG },
  said: () => [],
};
const FRONTS = [chat, responses, messages, gemini, converse];

// A response's header, where the SDK shows it.
const header = (front, e, name) =>
  front === converse ? e.$response.headers[name] : e.headers.get(name);
const classOf = (front, e) =>
  front === converse ? [e.name, e.$metadata.httpStatusCode] : [e.constructor.name, e.status];

async function caught(promise) {
  try {
    await promise;
  } catch (e) {
    return e;
  }
  return assert.fail('no error was thrown');
}

// ---- before a stream

// OpenAI: class, status, type, code. Anthropic: class, status, type. Gemini: status, its word (the class is
// ApiError). Converse: class, status. `ask` provokes; `from` is what the
// provider does meanwhile; `differs` is what Responses answers otherwise than Chat.
const refuses = (status, code, kind) => ({ refuses: status, message: 'it said no', code, kind });
const TABLE = [
  {
    error: 'bad_request',
    ask: (f, c, stream) => f.ask(c, { ...f.wrong, stream }),
    openai: ['BadRequestError', 400, 'invalid_request_error', 'invalid_type'],
    anthropic: ['BadRequestError', 400, 'invalid_request_error'],
    gemini: [400, 'INVALID_ARGUMENT'],
    converse: ['ValidationException', 400],
  },
  {
    error: 'context_length',
    from: refuses(400, 'context_length_exceeded'),
    openai: ['BadRequestError', 400, 'invalid_request_error', 'context_length_exceeded'],
    anthropic: ['BadRequestError', 400, 'invalid_request_error'],
    gemini: [400, 'INVALID_ARGUMENT'],
    converse: ['ValidationException', 400],
  },
  {
    error: 'policy',
    from: refuses(400, 'content_filter'),
    openai: ['BadRequestError', 400, 'invalid_request_error', 'content_filter'],
    anthropic: ['BadRequestError', 400, 'invalid_request_error'],
    gemini: [400, 'FAILED_PRECONDITION'],
    converse: ['ValidationException', 400],
  },
  {
    error: 'auth',
    with: { apiKey: 'wrong' },
    openai: ['AuthenticationError', 401, 'invalid_request_error', 'invalid_api_key'],
    anthropic: ['AuthenticationError', 401, 'authentication_error'],
    gemini: [400, 'INVALID_ARGUMENT'],
    converse: ['UnrecognizedClientException', 403],
  },
  {
    error: 'forbidden',
    with: { defaultHeaders: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' } },
    openai: ['PermissionDeniedError', 403, 'invalid_request_error', 'permission_denied'],
    anthropic: ['PermissionDeniedError', 403, 'permission_error'],
    gemini: [403, 'PERMISSION_DENIED'],
    converse: ['AccessDeniedException', 403],
  },
  {
    error: 'not_found',
    ask: (f, c, stream) => f.ask(c, { model: 'nobody-has-it', stream }),
    openai: ['NotFoundError', 404, 'invalid_request_error', 'model_not_found'],
    differs: ['BadRequestError', 400, 'invalid_request_error', 'model_not_found'],
    anthropic: ['NotFoundError', 404, 'not_found_error'],
    gemini: [404, 'NOT_FOUND'],
    converse: ['ResourceNotFoundException', 404],
  },
  {
    error: 'method',
    ask: (f, c, stream) => f.get(c, stream),
    openai: ['APIError', 405, 'invalid_request_error', 'method_not_allowed'],
    anthropic: ['APIError', 405, 'invalid_request_error'],
    gemini: [405, 'INVALID_ARGUMENT'],
    converse: ['UnknownOperationException', 405],
  },
  {
    error: 'too_large',
    ask: (f, c, stream) => f.ask(c, { ...f.long, stream }),
    openai: ['APIError', 413, 'invalid_request_error', 'request_too_large'],
    anthropic: ['ContentTooLargeError', 413, 'request_too_large'],
    gemini: [413, 'INVALID_ARGUMENT'],
    converse: ['ValidationException', 413],
  },
  {
    error: 'media_type',
    ask: (f, c, stream) => f.ask(c, { stream }, { headers: { 'content-type': 'text/plain' } }),
    openai: ['APIError', 415, 'invalid_request_error', 'unsupported_media_type'],
    anthropic: ['APIError', 415, 'invalid_request_error'],
    gemini: [415, 'INVALID_ARGUMENT'],
    converse: ['ValidationException', 415],
  },
  {
    error: 'rate_limited',
    from: refuses(429),
    openai: ['RateLimitError', 429, 'requests', 'rate_limit_exceeded'],
    anthropic: ['RateLimitError', 429, 'rate_limit_error'],
    gemini: [429, 'RESOURCE_EXHAUSTED'],
    converse: ['ThrottlingException', 429],
    waits: true,
  },
  {
    error: 'upstream',
    from: { raw: ['HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'] },
    openai: ['InternalServerError', 502, 'server_error', 'upstream_error'],
    anthropic: ['InternalServerError', 502, 'api_error'],
    gemini: [503, 'UNAVAILABLE'],
    converse: ['ModelErrorException', 502],
    waits: true,
  },
  {
    error: 'upstream_auth',
    from: refuses(401),
    openai: ['InternalServerError', 502, 'server_error', 'upstream_auth_error'],
    anthropic: ['InternalServerError', 502, 'api_error'],
    gemini: [503, 'UNAVAILABLE'],
    converse: ['ModelErrorException', 502],
  },
  {
    error: 'overloaded',
    from: refuses(503),
    openai: ['InternalServerError', 503, 'service_unavailable_error', 'server_is_overloaded'],
    anthropic: ['OverloadedError', 529, 'overloaded_error'],
    gemini: [503, 'UNAVAILABLE'],
    converse: ['ServiceUnavailableException', 503],
    waits: true,
  },
  {
    error: 'timeout',
    from: { stalls: 5 },
    with: { defaultHeaders: { 'x-request-timeout': '0.3' } },
    openai: ['InternalServerError', 504, 'server_error', 'timeout'],
    anthropic: ['GatewayTimeoutError', 504, 'timeout_error'],
    gemini: [504, 'DEADLINE_EXCEEDED'],
    converse: ['ModelTimeoutException', 504],
  },
];

function expected(row, front) {
  if (front === gemini) return ['ApiError', ...row.gemini];
  if (front === converse) return row.converse;
  return front === messages ? row.anthropic : (front === responses && row.differs) || row.openai;
}

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
          [...classOf(front, e), ...front.said(e)],
          expected(row, front),
          `${e}`,
        );
        if (front === gemini) return; // its SDK keeps no headers
        assert.ok(header(front, e, 'x-weir-request-id'), 'no request id');
        if (row.waits) assert.ok(Number(header(front, e, 'retry-after')) >= 1, 'no retry-after');
      });
    }
  }
}

// ---- inside a stream: what the provider says after its first words, on a 200 that is long sent

const TYPES = [
  {
    type: 'overloaded_error',
    code: 'server_is_overloaded',
    gemini: [503, 'UNAVAILABLE'],
    converse: 'ServiceUnavailableException',
  },
  {
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    gemini: [429, 'RESOURCE_EXHAUSTED'],
    converse: 'ThrottlingException',
  },
  {
    type: 'api_error',
    code: 'upstream_error',
    gemini: [503, 'UNAVAILABLE'],
    converse: 'ModelStreamErrorException',
  },
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

for (const { type, code, ...row } of TYPES) {
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
      if (front === gemini) {
        assert.deepEqual(
          [...classOf(front, error), ...front.said(error)],
          ['ApiError', ...row.gemini],
        );
        return;
      }
      if (front === converse) {
        assert.equal(error?.name, row.converse, String(error));
        return;
      }
      assert.equal(error?.constructor.name, 'APIError', String(error));
      if (front === chat) assert.equal(error.code, code);
      else assert.equal(error.error.error.type, type);
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
    const row = TABLE.find((r) => r.error === 'overloaded');
    assert.deepEqual([...classOf(front, e), ...front.said(e)], expected(row, front));
  });
}
