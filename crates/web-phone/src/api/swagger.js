// Without the bar on top, in which one could ask for another document, and without a foreign validator.
window.ui = SwaggerUIBundle({
  url: "/api/docs/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: "none",
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
});
