// Exits 0 if the address answers with success. The image has no curl.
try {
  const answer = await fetch(process.argv[2], { signal: AbortSignal.timeout(4_000) });
  if (!answer.ok) console.error(`${answer.status} ${await answer.text()}`);
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
