// SPDX-License-Identifier: Apache-2.0
// The table of errors (docs/dialects/errors.md) as the official SDKs see it: for each canonical error that
// can be provoked, each front's own shape and the class that its SDK raises, before a stream and inside one.
import assert from 'node:assert/strict';
import net from 'node:net';
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
  mistyped: { messages: 'hi' },
  long: { metadata: { user_id: LONG } },
  said: (e) => [e.type, e.code],
};
const responses = {
  name: 'responses',
  client: openai,
  ask: (c, fields, o) => c.responses.create({ model: 'm', input: HI, store: false, ...fields }, o),
  get: (c) => c.get('/responses'),
  wrong: { max_output_tokens: 'many' },
  mistyped: { input: 7 },
  unsaid: { background: true },
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
  mistyped: { messages: 'hi' },
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
  mistyped: { candidateCount: 'two' },
  unsaid: { cachedContent: 'cachedContents/1' },
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
  mistyped: { toolConfig: { tools: {} } },
  long: { text: LONG },
  said: () => [],
};
const FRONTS = [chat, responses, messages, gemini, converse];

// A response's header, where the SDK shows it.
const header = (front, e, name) =>
  front === converse ? e.$response.headers[name] : e.headers.get(name);
const classOf = (front, e) =>
  front === converse ? [e.name, e.$metadata.httpStatusCode] : [e.constructor.name, e.status];

// Between an SDK and weir, for what no SDK would do: the request's head is changed, and only so many bytes
// of its body go on.
async function between(t, w, { head = (text) => text, body = Infinity }) {
  const server = net.createServer((from) => {
    const to = net.connect(new URL(w.base).port, '127.0.0.1');
    let seen = Buffer.alloc(0);
    let sent = 0;
    from.on('data', (bytes) => {
      seen = Buffer.concat([seen, bytes]);
      const end = seen.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!sent) to.write(head(`${seen.subarray(0, end)}`) + '\r\n\r\n');
      sent ||= end + 4;
      const most = Math.min(seen.length, end + 4 + body);
      to.write(seen.subarray(sent, most));
      sent = Math.max(sent, most);
    });
    to.pipe(from);
    for (const s of [from, to])
      s.on('error', () => {}).on('close', () => (s === from ? to : from).destroy());
  });
  await new Promise((ok) => server.listen(0, '127.0.0.1', ok));
  t.after(() => server.close());
  return { base: `http://127.0.0.1:${server.address().port}` };
}

// A request without any credential: each SDK insists on its own.
const CREDENTIALS = ['authorization', 'x-api-key', 'x-goog-api-key'];
const keyless = (text) =>
  text
    .split('\r\n')
    .filter((line) => !CREDENTIALS.includes(line.split(':')[0].toLowerCase()))
    .join('\r\n');
const upgrading = (text) =>
  `${text.replace(/^POST /, 'GET ').replace(/^connection:.*\r\n/im, '')}\r\nconnection: upgrade\r\nupgrade: websocket`;

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
    error: 'a wrong type',
    ask: (f, c, stream) => f.ask(c, { ...f.mistyped, stream }),
    openai: ['BadRequestError', 400, 'invalid_request_error', 'invalid_type'],
    anthropic: ['BadRequestError', 400, 'invalid_request_error'],
    gemini: [400, 'INVALID_ARGUMENT'],
    converse: ['ValidationException', 400],
  },
  {
    // What a language has and the target's has no words for; where all has words, the provider says so.
    error: 'unsupported',
    ask: (f, c, stream) => f.ask(c, { ...f.unsaid, stream }),
    from: refuses(400, 'unsupported_parameter'),
    openai: ['BadRequestError', 400, 'invalid_request_error', 'unsupported_parameter'],
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
    error: 'no_key',
    between: { head: keyless },
    openai: ['AuthenticationError', 401, 'invalid_request_error', 'invalid_api_key'],
    anthropic: ['AuthenticationError', 401, 'authentication_error'],
    gemini: [403, 'PERMISSION_DENIED'],
    converse: ['MissingAuthenticationTokenException', 403],
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
    error: 'request_timeout',
    between: { body: 5 },
    config: 'clientTimeouts: { bodyTotal: 500ms }',
    openai: ['APIError', 408, 'invalid_request_error', 'request_timeout'],
    anthropic: ['RequestTimeoutError', 408, 'invalid_request_error'],
    gemini: [408, 'DEADLINE_EXCEEDED'],
    converse: ['ModelTimeoutException', 408],
  },
  {
    error: 'upgrade',
    between: { head: upgrading },
    openai: ['APIError', 426, 'invalid_request_error', 'websocket_not_supported'],
    anthropic: ['APIError', 426, 'invalid_request_error'],
    gemini: [426, 'INVALID_ARGUMENT'],
    converse: ['ValidationException', 426],
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
    error: 'unavailable',
    from: null, // nobody listens there
    openai: ['InternalServerError', 503, 'service_unavailable_error', 'no_healthy_upstream'],
    anthropic: ['ServiceUnavailableError', 503, 'api_error'],
    gemini: [503, 'UNAVAILABLE'],
    converse: ['ServiceUnavailableException', 503],
    waits: true,
  },
  {
    // The operator's money, not the client's: `budget` itself is for a client's own.
    error: 'the budget of a provider',
    from: refuses(402),
    openai: ['InternalServerError', 503, 'service_unavailable_error', 'no_healthy_upstream'],
    anthropic: ['ServiceUnavailableError', 503, 'api_error'],
    gemini: [503, 'UNAVAILABLE'],
    converse: ['ServiceUnavailableException', 503],
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
        const at = row.from === null ? { dialect: 'openai', base: 'http://127.0.0.1:1/v1' } : a;
        const w = await weir(at, 'limits: { body: 16KiB }', row.config ?? '');
        if (row.from) await a.always(row.from);
        const to = row.between ? await between(t, w, row.between) : w;
        const client = front.client(to, row.with);
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
    type: 'invalid_request_error',
    code: 'invalid_request',
    gemini: [400, 'INVALID_ARGUMENT'],
    converse: 'ValidationException',
  },
  {
    type: 'timeout_error',
    code: 'timeout',
    gemini: [504, 'DEADLINE_EXCEEDED'],
    converse: 'ModelStreamErrorException',
  },
  {
    type: 'authentication_error', // of our key: no news for the client
    says: 'api_error',
    code: 'upstream_auth_error',
    gemini: [503, 'UNAVAILABLE'],
    converse: 'ModelStreamErrorException',
  },
  {
    type: 'billing_error', // the operator's money
    says: 'api_error',
    code: 'no_healthy_upstream',
    gemini: [503, 'UNAVAILABLE'],
    converse: 'ServiceUnavailableException',
  },
  {
    type: 'a cut',
    ends: 'rst',
    says: 'api_error',
    code: 'upstream_error',
    gemini: [503, 'UNAVAILABLE'],
    converse: 'ModelStreamErrorException',
  },
  {
    type: 'a silence',
    ends: 5,
    config: 'timeouts: { idle: 500ms }',
    says: 'timeout_error',
    code: 'timeout',
    gemini: [504, 'DEADLINE_EXCEEDED'],
    converse: 'ModelStreamErrorException',
  },
  {
    type: 'api_error',
    code: 'upstream_error',
    gemini: [503, 'UNAVAILABLE'],
    converse: 'ModelStreamErrorException',
  },
];

// `ends`: instead of the event, how the connection goes on.
function broken(type, ends) {
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
  return { raw: [head + list.slice(0, 3).map(sse).join(''), 0.3, ends ?? sse(list[3])] };
}

async function listen(front, client) {
  const events = [];
  const error = await (async () => {
    for await (const event of await front.ask(client, { stream: true })) events.push(event);
    return null;
  })().catch((e) => e);
  return { events, error };
}

for (const { type, code, ends, says = type, config = '', ...row } of TYPES) {
  for (const front of FRONTS) {
    test(`${type} in mid-stream: ${front.name}`, { skip }, async (t) => {
      const { up, weir } = await world(t);
      const a = await up('anthropic');
      await a.always(broken(type, ends));
      const { events, error } = await listen(front, front.client(await weir(a, config)));
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
      else assert.equal(error.error.error.type, says);
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
