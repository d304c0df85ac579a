// SPDX-License-Identifier: Apache-2.0
// The official SDKs under load while providers are killed and started again: no caller sees an error, whole
// or streamed, for somebody can always serve (RELIABILITY §7, U4, U14, U21). Their own retries are off.
//
// One caller an SDK: whatever dies, no more than three retries are under way at once, which is what a route may
// always have (src/route/budget.h); so the test holds however slow the machine is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dep, skip, sleep, world } from './lib.mjs';

const TEXT = 'One two three four five six seven eight nine ten, and that is all of it.';
const SECONDS = 9;
const QUESTION = [{ role: 'user', content: 'Count.' }];

// Each gives a function that asks once, whole or streamed, and gives the text.
const sdks = {
  openai(base) {
    const { OpenAI } = dep('openai');
    const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'k', maxRetries: 0, timeout: 60e3 });
    return async (stream) => {
      const r = await client.chat.completions.create({ model: 'm', messages: QUESTION, stream });
      if (!stream) return r.choices[0].message.content;
      let text = '';
      for await (const c of r) text += c.choices[0]?.delta?.content ?? '';
      return text;
    };
  },
  anthropic(base) {
    const { Anthropic } = dep('@anthropic-ai/sdk');
    const client = new Anthropic({ baseURL: base, apiKey: 'k', maxRetries: 0, timeout: 60e3 });
    return async (stream) => {
      const body = { model: 'm', max_tokens: 100, messages: QUESTION };
      if (!stream) return (await client.messages.create(body)).content[0].text;
      return (await client.messages.stream(body).finalMessage()).content[0].text;
    };
  },
  google(base) {
    const { GoogleGenAI } = dep('@google/genai');
    const ai = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: base, timeout: 60e3 } });
    return async (stream) => {
      const body = { model: 'm', contents: 'Count.' };
      if (!stream) return (await ai.models.generateContent(body)).text;
      let text = '';
      for await (const r of await ai.models.generateContentStream(body)) text += r.text ?? '';
      return text;
    };
  },
};

test('U14, U21: no SDK sees that providers die', { skip }, async (t) => {
  const { up, pool } = await world(t);
  const ups = await Promise.all([0, 1, 2].map(() => up('anthropic')));
  for (const u of ups) await u.always({ counts: TEXT });
  const w = await pool(ups, 'rescue: true', 'probe: 1s');
  const over = Date.now() + SECONDS * 1e3;
  const seen = {};
  const wrong = [];

  const callers = Object.entries(sdks).map(async ([name, sdk]) => {
    const ask = sdk(w.base);
    for (seen[name] = 0; Date.now() < over; seen[name]++) {
      const text = await ask(seen[name] % 3 !== 0).catch((e) => `${name}: ${e.stack ?? e}`);
      if (text !== TEXT) wrong.push(text);
    }
  });
  let kills = 0;
  while (Date.now() < over - 2e3) {
    const victim = ups[kills++ % ups.length];
    await sleep(600);
    await victim.die();
    await sleep(400);
    await victim.live();
    await sleep(1200); // a probe finds it
  }
  await Promise.all(callers);
  assert.deepEqual(wrong, []);
  assert.ok(kills >= 2, `${kills} kills`);
  for (const name of Object.keys(sdks)) assert.ok(seen[name] >= 3, `${name}: ${seen[name]} calls`);
  t.diagnostic(`${JSON.stringify(seen)} calls, ${kills} kills`);
});
