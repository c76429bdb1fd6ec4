// Parses an AsyncAPI document on standard input. Prints its messages, and its errors if it has any.
const { readFileSync } = require('node:fs');
const { Parser } = require('@asyncapi/parser');

const ERROR = 0;

async function main() {
  const { document, diagnostics } = await new Parser().parse(readFileSync(0, 'utf8'));
  const errors = diagnostics.filter((it) => it.severity === ERROR);
  const messages = document?.allMessages().all().map((message) => message.id()) ?? [];
  console.log(JSON.stringify({ messages: [...new Set(messages)].sort(), errors }));
}

main();
