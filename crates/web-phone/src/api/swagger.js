// Without the bar on top, in which one could ask for another document, and without a foreign validator. Which of our
// documents is shown stands in the address: `?api=admin`.
const documents = { phone: "/api/docs/openapi.json", admin: "/api/admin/v1/openapi.json" };
const asked = new URLSearchParams(window.location.search).get("api");
window.ui = SwaggerUIBundle({
  url: Object.hasOwn(documents, asked) ? documents[asked] : documents.phone,
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: "none",
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
});
