// SPDX-License-Identifier: Apache-2.0
// Google's own SDK (@google/genai) through weir, on providers of three languages: what it yields must be
// what the provider said, what it sends back must arrive there, and its errors have the right status.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dep, skip, world } from './lib.mjs';

const TURN = {
  text: 'Let me add both.',
  thinking: 'Two sums are asked for.',
  input: 40,
  cached: 8,
  output: 33,
  reasoning: 9,
  tools: [
    ['call_01AAAA', 'add', { a: 1, b: 'é中\n"q"\\' }],
    ['call_01BBBB', 'now', null],
  ],
};
const TOOLS = [
  {
    functionDeclarations: ['add', 'now'].map((name) => ({
      name,
      description: name,
      parametersJsonSchema: { type: 'object', properties: { a: { type: 'integer' } } },
    })),
  },
];
const BACKS = ['openai', 'anthropic', 'gemini'];

function client(w, options) {
  const { GoogleGenAI } = dep('@google/genai');
  const httpOptions = { baseUrl: w.base, timeout: 10e3 };
  return new GoogleGenAI({ apiKey: 'client-key', httpOptions, ...options });
}

function each(title, run, backs = BACKS) {
  for (const back of backs) {
    test(`${title}: Google's SDK on ${back}`, { skip }, async (t) => {
      const { up, weir } = await world(t);
      const a = await up(back);
      const w = await weir(a);
      await run({ back, a, w, ai: client(w) });
    });
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

// What an answer says, from its parts; a stream's are put in a row.
function said(answers) {
  const parts = answers.flatMap((r) => r.candidates?.[0]?.content?.parts ?? []);
  const last = answers.at(-1);
  const words = (thought) =>
    parts
      .filter((p) => !p.functionCall && !!p.thought === thought)
      .map((p) => p.text ?? '')
      .join('');
  const u = last.usageMetadata ?? {};
  return {
    text: words(false),
    thinking: words(true),
    tools: parts
      .filter((p) => p.functionCall)
      .map(({ functionCall: c }) => [c.id, c.name, c.args ?? {}]),
    finish: last.candidates?.[0]?.finishReason,
    input: u.promptTokenCount,
    cached: u.cachedContentTokenCount ?? 0,
    output: (u.candidatesTokenCount ?? 0) + (u.thoughtsTokenCount ?? 0),
    parts,
  };
}

const ask = (contents, config) => ({ model: 'm', contents, config });
const whole = async (ai, input) => said([await ai.models.generateContent(input)]);

async function stream(ai, input) {
  const answers = [];
  for await (const chunk of await ai.models.generateContentStream(input)) answers.push(chunk);
  return said(answers);
}

// ---- answers

each('text, whole and streamed', async ({ a, ai }) => {
  await a.always({ says: { text: 'Grüße 😀', input: 11, output: 7, pieces: 1 } });
  for (const how of [whole, stream]) {
    const got = await how(ai, ask('hi'));
    assert.deepEqual(
      [got.text, got.finish, got.input, got.output],
      ['Grüße 😀', 'STOP', 11, 7],
      how.name,
    );
  }
});

each('parallel tools and thoughts, whole and streamed', async ({ back, a, ai }) => {
  await a.always({ says: TURN });
  for (const how of [whole, stream]) {
    const got = await how(ai, ask('add', { tools: TOOLS, thinkingConfig: { thinkingBudget: 512 } }));
    assert.deepEqual(
      got.tools,
      TURN.tools.map(([id, name, args]) => [id, name, args ?? {}]),
      how.name,
    );
    assert.deepEqual(
      [got.text, got.thinking, got.finish],
      [TURN.text, TURN.thinking, 'STOP'],
      how.name,
    );
    assert.deepEqual([got.input, got.cached, got.output], [48, 8, 33], how.name);
    const seals = got.parts.filter((p) => p.thoughtSignature);
    assert.equal(seals.length, back === 'openai' ? 0 : 1, how.name);
  }
  const { tools } = (await a.requests())[0].body;
  const declared = back === 'gemini' ? tools[0].functionDeclarations : tools;
  assert.deepEqual(
    declared.map((tool) => tool.name ?? tool.function.name),
    ['add', 'now'],
  );
});

each('the answer was cut by its limit', async ({ a, ai }) => {
  await a.always({ says: { text: 'and so', stop: 'length' } });
  for (const how of [whole, stream])
    assert.equal((await how(ai, ask('hi'))).finish, 'MAX_TOKENS', how.name);
});

// ---- rounds of tools, in the SDK's own chat: it keeps what came and sends it back

const answer = ([id, name], response) => ({ functionResponse: { id, name, response } });

async function send(chat, message, streamed) {
  if (!streamed) return said([await chat.sendMessage({ message })]);
  const answers = [];
  for await (const chunk of await chat.sendMessageStream({ message })) answers.push(chunk);
  return said(answers);
}

// The calls and results of a request, and the seals that came back, by the provider's language.
const READ = {
  openai: ({ messages: list }) => ({
    calls: list.flatMap((m) => (m.tool_calls ?? []).map((c) => [c.id, c.function.name])),
    results: list.filter((m) => m.role === 'tool').map((m) => m.tool_call_id),
    seals: [],
  }),
  anthropic: ({ messages: list }) => {
    const of = (type) => list.flatMap((m) => m.content).filter((b) => b.type === type);
    return {
      calls: of('tool_use').map((b) => [b.id, b.name]),
      results: of('tool_result').map((b) => b.tool_use_id),
      seals: of('thinking').map((b) => [b.thinking, b.signature]),
    };
  },
  gemini: ({ contents }) => {
    const parts = contents.flatMap((c) => c.parts);
    return {
      calls: parts
        .filter((p) => p.functionCall)
        .map(({ functionCall: c }) => [c.id, c.name]),
      results: parts.filter((p) => p.functionResponse).map((p) => p.functionResponse.id),
      seals: parts.filter((p) => p.thoughtSignature).map((p) => [p.functionCall.name, p.thoughtSignature]),
    };
  },
};
const SEALS = {
  openai: [],
  anthropic: [
    [TURN.thinking, 'c2lnbmF0dXJl'],
    ['Once more.', 'c2lnbmF0dXJl'],
  ],
  gemini: [
    ['add', 'c2lnbmF0dXJl'],
    ['add', 'c2lnbmF0dXJl'],
  ],
};

for (const streamed of [false, true]) {
  each(`three rounds of tools, ${streamed ? 'streamed' : 'whole'}`, async ({ back, a, ai }) => {
    const again = { thinking: 'Once more.', tools: [['call_01CCCC', 'add', { a: 2 }]] };
    await a.script({ says: TURN }, { says: again }, { says: { text: 'All done.' } });
    const config = { tools: TOOLS, thinkingConfig: { includeThoughts: true } };
    const chat = ai.chats.create({ model: 'm', config });
    const first = await send(chat, 'add', streamed);
    const results = [{ output: 'three' }, { noon: 'é', list: [1] }];
    const second = await send(
      chat,
      first.tools.map((tool, i) => answer(tool, results[i])),
      streamed,
    );
    assert.deepEqual(second.tools, [['call_01CCCC', 'add', { a: 2 }]]);
    const last = await send(chat, [answer(second.tools[0], { error: 'no sum' })], streamed);
    assert.equal(last.text, 'All done.');

    const { body } = (await a.requests())[2];
    const ids = ['call_01AAAA', 'call_01BBBB', 'call_01CCCC'];
    const got = READ[back](body);
    assert.deepEqual(
      got.calls,
      ids.map((id, i) => [id, ['add', 'now', 'add'][i]]),
    );
    assert.deepEqual(got.results, ids);
    assert.deepEqual(got.seals, SEALS[back]);
    for (const word of ['three', 'noon', 'no sum'])
      assert.ok(JSON.stringify(body).includes(word), word);
  });
}

// ---- what a request holds

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').toString('base64');
const PICTURE = {
  openai: (m) => m.messages.at(-1).content[0].image_url.url === `data:image/png;base64,${PNG}`,
  anthropic: (m) => m.messages.at(-1).content[0].source.data === PNG,
  gemini: (m) => m.contents.at(-1).parts[0].inlineData.data === PNG,
};

each('a picture, a system text and limits', async ({ back, a, ai }) => {
  await a.always({ says: { text: 'a dot' } });
  const parts = [{ inlineData: { mimeType: 'image/png', data: PNG } }, { text: 'What is it?' }];
  const config = {
    systemInstruction: 'Be brief.',
    maxOutputTokens: 77,
    temperature: 0.5,
    stopSequences: ['END'],
  };
  assert.equal((await whole(ai, ask([{ role: 'user', parts }], config))).text, 'a dot');
  const { body } = (await a.requests())[0];
  assert.ok(PICTURE[back](body), JSON.stringify(body));
  const flat = JSON.stringify(body);
  for (const word of ['Be brief.', '77', '0.5', 'END', 'What is it?'])
    assert.ok(flat.includes(word), word);
});

// A Claude that weir does not know to keep to schemas is asked for it in words.
const BOUND = {
  openai: ({ response_format: f }) => f.json_schema.schema.properties.n.type === 'integer',
  anthropic: ({ system }) => /JSON Schema.*integer/.test(JSON.stringify(system)),
  gemini: ({ generationConfig: c }) =>
    /integer/i.test((c.responseJsonSchema ?? c.responseSchema).properties.n.type),
};

each('an answer bound to a schema', async ({ back, a, ai }) => {
  const { Type } = dep('@google/genai');
  await a.always({ says: { text: '{"n":3}' } });
  const json = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
  const google = { type: Type.OBJECT, properties: { n: { type: Type.INTEGER } }, required: ['n'] };
  for (const schema of [{ responseJsonSchema: json }, { responseSchema: google }]) {
    const config = { responseMimeType: 'application/json', ...schema };
    assert.deepEqual(JSON.parse((await whole(ai, ask('n?', config))).text), { n: 3 });
    const { body } = (await a.requests()).at(-1);
    assert.ok(BOUND[back](body), JSON.stringify(body));
  }
});

// ---- what is no answer

test("tokens are counted: Google's SDK", { skip }, async (t) => {
  const { up, weir } = await world(t);
  const a = await up('openai');
  const { totalTokens } = await client(await weir(a)).models.countTokens({
    model: 'm',
    contents: 'word '.repeat(100),
  });
  assert.ok(totalTokens >= 80 && totalTokens <= 250, String(totalTokens));
  assert.equal((await a.requests()).length, 0);
});

for (const back of ['openai', 'gemini']) {
  test(`texts become vectors: Google's SDK on ${back}`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up(back);
    const vectors = JSON.stringify({ embeddings: [{ values: [1, 0.5] }, { values: [-1, 2e-3] }] });
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${vectors.length}`;
    if (back === 'openai') await a.always({ serves: {} });
    else await a.always({ raw: [`${head}\r\n\r\n${vectors}`] });
    const { embeddings } = await client(await weir(a)).models.embedContent({
      model: 'm',
      contents: ['one', 'two'],
    });
    assert.equal(embeddings.length, 2);
    for (const { values } of embeddings) assert.ok(values.length > 1 && values.every(Number.isFinite));
  });
}

// ---- errors: one class, its status tells them apart

const STATUSES = [
  [400, 400],
  [401, 503], // our key at the provider, not the client's
  [403, 503],
  [404, 404],
  [429, 429],
  [500, 503],
  [503, 503],
];

for (const [status, expected] of STATUSES) {
  each(`a ${status} of the provider`, async ({ a, ai }) => {
    await a.always({ refuses: status, message: `it said ${status}` });
    for (const how of [whole, stream]) {
      const e = await caught(how(ai, ask('hi')));
      assert.deepEqual([e.name, e.status], ['ApiError', expected], `${how.name}: ${e}`);
      const { error } = JSON.parse(e.message);
      assert.equal(error.code, expected);
      if (status === 400 || status === 404) assert.match(error.message, new RegExp(`it said ${status}`));
    }
  });
}

test("a key that is bad or missing, a model that is not there: Google's SDK", { skip }, async (t) => {
  const { up, weir } = await world(t);
  const a = await up('gemini');
  const w = await weir(a);
  const bad = await caught(whole(client(w, { apiKey: 'wrong' }), ask('hi')));
  assert.deepEqual([bad.name, bad.status], ['ApiError', 400]);
  assert.match(bad.message, /API_KEY_INVALID/);
  const gone = await caught(whole(client(w), { ...ask('hi'), model: 'nobody-has-it' }));
  assert.deepEqual([gone.name, gone.status], ['ApiError', 404]);
  const none = await fetch(`${w.base}/v1beta/models/m:generateContent`, { method: 'POST', body: '{}' });
  assert.deepEqual([none.status, (await none.json()).error.status], [403, 'PERMISSION_DENIED']);
  assert.equal((await a.requests()).length, 0);
});

each('a stream that breaks throws after its text', async ({ back, a, ai }) => {
  const after = { openai: 3, anthropic: 5, gemini: 2 }[back];
  await a.always({ cut: { text: 'one two three four' }, after, end: 'rst' });
  let text = '';
  const e = await caught(
    (async () => {
      for await (const chunk of await ai.models.generateContentStream(ask('hi'))) text += chunk.text ?? '';
    })(),
  );
  assert.ok(text && 'one two three four'.startsWith(text), text);
  assert.deepEqual([e.name, e.status], ['ApiError', 503], String(e));
});

each(
  'an error of the provider in mid-stream keeps its meaning',
  async ({ back, a, ai }) => {
    const events = {
      gemini: [
        { candidates: [{ content: { role: 'model', parts: [{ text: 'one' }] }, index: 0 }] },
        { error: { code: 429, message: 'Quota', status: 'RESOURCE_EXHAUSTED' } },
      ],
      openai: [
        { id: 'c', choices: [{ index: 0, delta: { content: 'one' } }] },
        { error: { message: 'Quota', type: 'requests', code: 'rate_limit_exceeded' } },
      ],
    }[back];
    const sse = events.map((e) => `data: ${JSON.stringify(e)}\r\n\r\n`).join('');
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n';
    await a.always({ raw: [head + sse] });
    const e = await caught(stream(ai, ask('hi')));
    assert.deepEqual([e.name, e.status], ['ApiError', 429], String(e));
  },
  ['openai', 'gemini'],
);

// ---- abort

each('an abort in mid-stream closes the provider within a second', async ({ a, ai }) => {
  await a.always({ says: { text: 'word '.repeat(400) }, gap: 0.02 });
  const controller = new AbortController();
  const input = ask('hi', { abortSignal: controller.signal });
  let seen = 0;
  await caught(
    (async () => {
      for await (const chunk of await ai.models.generateContentStream(input))
        if (chunk.text && ++seen === 5) controller.abort();
    })(),
  );
  const aborted = Date.now();
  const { ms_ago: ago } = await a.waitClosed();
  assert.ok(seen >= 5 && Date.now() - ago - aborted < 1000, 'closed too late');
});

each('an abort before the answer closes the provider within a second', async ({ a, ai }) => {
  await a.always({ stalls: 30 });
  const controller = new AbortController();
  const pending = caught(whole(ai, ask('hi', { abortSignal: controller.signal })));
  await a.wait({ hits: 1 });
  controller.abort();
  const aborted = Date.now();
  await pending;
  const { ms_ago: ago } = await a.waitClosed();
  assert.ok(Date.now() - ago - aborted < 1000, 'closed too late');
});
