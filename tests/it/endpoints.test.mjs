// SPDX-License-Identifier: Apache-2.0
// OpenAI's SDK, and Azure's client in it, at everything that is no chat; Cohere's and Ollama's own SDKs
// at the paths that they know. The fakes (operations.py) answer as the providers do and make a vector of
// each text, so that a test knows which text became which numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dep, skip, world } from './lib.mjs';

const SOUND = Buffer.from(Array.from({ length: 256 * 40 }, (_, i) => i % 256));
const PICTURE = Buffer.concat([
  Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
  Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
]).toString('base64');

// As operations.py makes them.
const vector = (text) => {
  const seed = [...text].reduce((sum, c) => sum + c.codePointAt(0), 0) % 97;
  return Array.from({ length: 6 }, (_, i) => ((-1) ** i * (seed + i)) / 128);
};

const openai = (w, options) => {
  const { OpenAI } = dep('openai');
  return new OpenAI({
    baseURL: `${w.base}/v1`,
    apiKey: 'client-key',
    maxRetries: 0,
    timeout: 10e3,
    ...options,
  });
};

const azure = (w, deployment) => {
  const { AzureOpenAI } = dep('openai');
  return new AzureOpenAI({
    endpoint: w.base,
    apiKey: 'client-key',
    apiVersion: '2024-10-21',
    deployment,
    maxRetries: 0,
    timeout: 10e3,
  });
};

// A test whose provider has all endpoints: run(client, { a, w }).
function served(title, run, back = 'openai', spec = {}) {
  test(title, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up(back);
    await a.always({ serves: spec });
    const w = await weir(a);
    await run(openai(w), { a, w });
  });
}

async function read(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

// ---- vectors

for (const back of ['openai', 'cohere', 'gemini', 'ollama']) {
  served(
    `embeddings, unpacked and as floats: openai SDK on ${back}`,
    async (client, { a }) => {
      const input = ['one', 'é中'];
      // What is not asked for, the SDK asks for as base64, and unpacks.
      for (const encoding_format of [undefined, 'float']) {
        const got = await client.embeddings.create({ model: 'm', input, encoding_format });
        assert.deepEqual(
          got.data.map((d) => [d.index, Array.from(d.embedding)]),
          input.map((text, i) => [i, vector(text)]),
        );
        assert.ok(got.usage.prompt_tokens > 0);
      }
      const got = await client.embeddings.create({ model: 'm', input, encoding_format: 'base64' });
      const packed = Buffer.from(got.data[1].embedding, 'base64');
      assert.deepEqual(
        vector(input[1]),
        Array.from({ length: 6 }, (_, i) => packed.readFloatLE(4 * i)),
      );
      assert.equal((await a.requests()).length, 3);
    },
    back,
  );
}

served("a server that only has floats is asked for base64: openai SDK", async (client) => {
  const got = await client.embeddings.create({ model: 'm', input: 'one' });
  assert.deepEqual(Array.from(got.data[0].embedding), vector('one'));
}, 'openai', { ignores_base64: true });

// ---- pictures

served('pictures, made and edited: openai SDK', async (client, { a }) => {
  const { toFile } = dep('openai');
  const made = await client.images.generate({ model: 'm', prompt: 'a cat', n: 2 });
  assert.deepEqual(
    made.data.map((d) => d.b64_json),
    [PICTURE, PICTURE],
  );
  assert.deepEqual([made.usage.input_tokens, made.usage.output_tokens], [14, 272]);

  const events = await read(
    await client.images.generate({ model: 'm', prompt: 'a cat', stream: true, partial_images: 1 }),
  );
  assert.deepEqual(
    events.map((e) => [e.type, e.b64_json]),
    [
      ['image_generation.partial_image', PICTURE],
      ['image_generation.completed', PICTURE],
    ],
  );

  const image = await toFile(Buffer.from(PICTURE, 'base64'), 'cat.png', { type: 'image/png' });
  const edited = await client.images.edit({ model: 'm', image, prompt: 'a dog' });
  assert.equal(edited.data[0].b64_json, PICTURE);
  assert.deepEqual(
    (await a.requests()).map((r) => r.target),
    ['/v1/images/generations', '/v1/images/generations', '/v1/images/edits'],
  );
});

// ---- sound

served('sound, spoken and written down: openai SDK', async (client) => {
  const { toFile } = dep('openai');
  const spoken = await client.audio.speech.create({ model: 'm', voice: 'alloy', input: 'hi' });
  assert.ok(SOUND.equals(Buffer.from(await spoken.arrayBuffer())));

  const ask = async (fields) =>
    client.audio.transcriptions.create({
      model: 'm',
      file: await toFile(SOUND, 'sound.wav', { type: 'audio/wav' }),
      ...fields,
    });
  const plain = await ask();
  assert.deepEqual([plain.text, plain.usage.total_tokens], ['A sound.', 6]);
  assert.equal(await ask({ response_format: 'text' }), 'A sound.\n');
  const verbose = await ask({ response_format: 'verbose_json' });
  assert.deepEqual([verbose.language, verbose.duration], ['english', 5.49]);
  const events = await read(await ask({ stream: true }));
  assert.deepEqual(
    events.map((e) => e.delta ?? e.text),
    ['A sound.', 'A sound.'],
  );
});

// ---- the rest

served('moderations and completions: openai SDK', async (client) => {
  const judged = await client.moderations.create({ model: 'm', input: 'hi' });
  assert.deepEqual([judged.results[0].flagged, judged.results[0].category_scores.hate], [false, 0.1]);

  const whole = await client.completions.create({ model: 'm', prompt: 'hi' });
  assert.deepEqual([whole.choices[0].text, whole.usage.total_tokens], ['Hi there.', 8]);
  for (const usage of [false, true]) {
    const chunks = await read(
      await client.completions.create({
        model: 'm',
        prompt: 'hi',
        stream: true,
        stream_options: usage ? { include_usage: true } : undefined,
      }),
    );
    assert.equal(chunks.map((c) => c.choices[0]?.text ?? '').join(''), 'Hi there.');
    assert.equal(chunks.at(-1).usage?.total_tokens, usage ? 8 : undefined);
  }
});

served('models, listed and looked up: openai SDK', async (client) => {
  const { NotFoundError } = dep('openai');
  const listed = (await read(await client.models.list())).map((m) => m.id);
  assert.equal(listed[0], 'm');
  for (const id of listed.filter((id) => !id.includes('/')))
    assert.equal((await client.models.retrieve(id)).id, id);
  await assert.rejects(client.models.retrieve('nobody-has-it'), NotFoundError);
});

// What the provider says, the SDK's class, and the status it sees.
const CLASSES = [
  [400, 'BadRequestError', 400],
  [401, 'InternalServerError', 502],
  [404, 'NotFoundError', 404],
  [429, 'RateLimitError', 429],
  [500, 'InternalServerError', 502],
];
const CALLS = {
  embeddings: (c) => c.embeddings.create({ model: 'm', input: 'a' }),
  images: (c) => c.images.generate({ model: 'm', prompt: 'a' }),
  speech: (c) => c.audio.speech.create({ model: 'm', voice: 'alloy', input: 'a' }),
  moderations: (c) => c.moderations.create({ model: 'm', input: 'a' }),
  completions: (c) => c.completions.create({ model: 'm', prompt: 'a', stream: true }),
};

for (const [status, kind, expected] of CLASSES) {
  test(`a ${status} of the provider at every endpoint: openai SDK`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up('openai');
    const w = await weir(a);
    await a.always({ refuses: status, message: `it said ${status}` });
    for (const [name, call] of Object.entries(CALLS))
      await assert.rejects(call(openai(w)), (e) => {
        assert.deepEqual([e.constructor.name, e.status], [kind, expected], `${name}: ${e}`);
        return true;
      });
  });
}

served('a wrong key at every endpoint: openai SDK', async (_, { w, a }) => {
  for (const call of Object.values(CALLS))
    await assert.rejects(call(openai(w, { apiKey: 'wrong' })), dep('openai').AuthenticationError);
  assert.equal((await a.requests()).length, 0);
});

// ---- Azure's client: the model stands in the path, the key in a header of its own

const TURN = {
  text: 'Let me add.',
  input: 40,
  output: 33,
  tools: [['call_01AAAA', 'add', { a: 1, b: 'é中\n"q"\\' }]],
};

for (const back of ['openai', 'anthropic', 'gemini']) {
  test(`text, tools, errors: openai's Azure client on ${back}`, { skip }, async (t) => {
    const { up, weir } = await world(t);
    const a = await up(back);
    const client = azure(await weir(a), 'm');
    await a.always({ says: TURN });
    const body = {
      messages: [{ role: 'user', content: 'add' }],
      tools: [{ type: 'function', function: { name: 'add', parameters: { type: 'object' } } }],
    };
    const whole = await client.chat.completions.create(body);
    const streamed = await client.chat.completions
      .stream({ ...body, stream_options: { include_usage: true } })
      .finalChatCompletion();
    for (const got of [whole, streamed]) {
      const [{ message, finish_reason: finish }] = got.choices;
      assert.deepEqual([message.content, finish], [TURN.text, 'tool_calls']);
      assert.deepEqual(
        message.tool_calls.map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]),
        TURN.tools,
      );
      assert.deepEqual([got.usage.prompt_tokens, got.usage.completion_tokens], [40, 33]);
    }
    await a.always({ refuses: 429 });
    await assert.rejects(client.chat.completions.create(body), dep('openai').RateLimitError);
  });
}

served("vectors and sound: openai's Azure client", async (_, { w, a }) => {
  const { toFile } = dep('openai');
  for (const model of ['m', 'p0/up']) {
    const client = azure(w, model);
    const got = await client.embeddings.create({ model, input: 'one' });
    assert.deepEqual(Array.from(got.data[0].embedding), vector('one'));
    assert.equal((await a.requests()).at(-1).body.model, 'up');
    const file = await toFile(SOUND, 'sound.wav', { type: 'audio/wav' });
    assert.equal((await client.audio.transcriptions.create({ model, file })).text, 'A sound.');
  }
});

// ---- other makers' SDKs at the paths they know

for (const back of ['cohere', 'openai']) {
  served(
    `embed and rerank: cohere SDK on ${back}`,
    async (_, { w }) => {
      const { CohereClientV2 } = dep('cohere-ai');
      const client = new CohereClientV2({ token: 'client-key', environment: w.base });
      const texts = ['one', 'é中'];
      const got = await client.embed({
        model: 'm',
        texts,
        inputType: 'search_query',
        embeddingTypes: ['float'],
      });
      assert.deepEqual(got.embeddings.float, texts.map(vector));
      if (back !== 'cohere') return; // rankings are not carried between languages
      const ranked = await client.rerank({ model: 'm', query: 'q', documents: texts, topN: 1 });
      assert.deepEqual(
        ranked.results.map((r) => [r.index, r.relevanceScore]),
        [[0, 1]],
      );
    },
    back,
  );
}

for (const back of ['ollama', 'openai']) {
  served(
    `embed: ollama SDK on ${back}`,
    async (_, { w }) => {
      const { Ollama } = dep('ollama');
      const client = new Ollama({
        host: w.base,
        headers: { authorization: 'Bearer client-key' },
      });
      const got = await client.embed({ model: 'm', input: ['one', 'é中'] });
      assert.deepEqual(got.embeddings, ['one', 'é中'].map(vector));
    },
    back,
  );
}
