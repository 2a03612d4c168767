/** Starts the self-hosted API reference. No validator badge, no remote document: nothing leaves this origin. */
type SwaggerUi = (options: Readonly<Record<string, unknown>>) => unknown;

const { SwaggerUIBundle } = globalThis as unknown as { SwaggerUIBundle?: SwaggerUi };

SwaggerUIBundle?.({
  url: "/openapi.json",
  dom_id: "#reference",
  validatorUrl: null,
  queryConfigEnabled: false,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  filter: true,
  persistAuthorization: false,
});
