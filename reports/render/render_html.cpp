// report.html: one file, no script, nothing loaded from anywhere. Its content security policy says so to the
// browser and allows exactly one style sheet, by its hash.
#include <set>

#include "reports/base/files.h"
#include "reports/render/html_parts.h"
#include "reports/render/present.h"
#include "reports/render/render.h"

namespace assay {

namespace embedded {
extern const std::string_view report_css;
}

namespace render {
namespace {

/// Base64 (RFC 4648) of bytes given in hexadecimal.
std::string base64_of_hex(const std::string& hex) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  unsigned bits = 0, count = 0;
  for (const char digit : hex) {
    bits = (bits << 4) | static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    count += 4;
    if (count < 6) continue;
    count -= 6;
    result += alphabet[(bits >> count) & 63u];
  }
  if (count > 0) result += alphabet[(bits << (6 - count)) & 63u];
  while (result.size() % 4 != 0) result += '=';
  return result;
}

void write_head(HtmlWriter& html, const Judgement& judgement) {
  const auto head = html.element("head");
  html.empty("meta", {{"charset", "utf-8"}});
  html.empty("meta", {{"http-equiv", "Content-Security-Policy"},
                      {"content", "default-src 'none'; style-src 'sha256-" +
                                      base64_of_hex(sha256_hex(embedded::report_css)) +
                                      "'; base-uri 'none'; form-action 'none'"}});
  html.empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  html.empty("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  html.empty("meta", {{"name", "referrer"}, {"content", "no-referrer"}});
  html.leaf("title", judgement.headline + " - " + judgement.system);
  html.stylesheet(embedded::report_css);
}

void write_contents(HtmlWriter& html, const Judgement& judgement) {
  const auto nav = html.element("nav", {{"aria-label", "Contents"}});
  const auto list = html.element("ul");
  const auto link = [&](bool there, Literal id, Literal name) {
    if (!there) return;
    const auto item = html.element("li");
    html.leaf("a", name.text, {{"href", "#" + std::string(id.text)}});
  };
  link(true, "targets", "Targets");
  link(!judgement.findings.empty(), "findings", "Findings");
  link(!judgement.coverage.empty(), "clauses", "Clauses");
  link(!judgement.cases.empty(), "cases", "Cases");
  link(!judgement.campaigns.empty(), "campaigns", "Campaigns");
  link(!judgement.machine.empty(), "machine", "Machine");
  link(!judgement.commands.empty(), "commands", "Commands");
  link(true, "reading", "How to read this");
}

void write_footer(HtmlWriter& html, const Judgement& judgement) {
  const auto footer = html.element("footer");
  html.leaf("p", "Written by Assay " + judgement.assay_version + " from the evidence in " +
                     judgement.campaign + ".");
  if (!judgement.targets_sha256.empty())
    html.leaf("p", "Targets, SHA-256: " + judgement.targets_sha256, {{"class", "hash"}});
  if (!judgement.plan_sha256.empty())
    html.leaf("p", "Plan, SHA-256: " + judgement.plan_sha256, {{"class", "hash"}});
}

}  // namespace

void write_badge(HtmlWriter& html, Verdict verdict) {
  const auto badge = html.element("span", {{"class", std::string("badge ") + assay::to_string(verdict)}});
  html.leaf("span", symbol(verdict), {{"aria-hidden", "true"}});
  html.text(std::string(" ") + assay::to_string(verdict));
}

std::string typographic(std::string text) {
  const auto replace_start = [&](std::string_view from, std::string_view to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
  };
  replace_start(">= ", "≥ ");
  replace_start("<= ", "≤ ");
  if (text.size() > 1 && text[0] == '-' && text[1] >= '0' && text[1] <= '9') text.replace(0, 1, "−");
  return text;
}

void write_head_row(HtmlWriter& html, const std::vector<std::string>& names) {
  const auto head = html.element("thead");
  const auto row = html.element("tr");
  for (const std::string& name : names) html.leaf("th", name, {{"scope", "col"}});
}

void write_findings(HtmlWriter& html, const std::vector<Finding>& findings) {
  if (findings.empty()) return;
  const auto list = html.element("ul", {{"class", "findings"}});
  for (const Finding& finding : findings) {
    const FindingKind* kind = known_kind(finding.code);
    const auto item =
        html.element("li", {{"class", kind != nullptr ? std::string(to_string(kind->severity)) : "note"}});
    {
      const auto head = html.element("p");
      html.leaf("span", finding.code, {{"class", "code"}});
      html.text(" ");
      html.leaf("b", kind != nullptr ? kind->title : "unknown finding");
      html.text(": " + finding.text);
    }
    if (kind != nullptr) html.leaf("p", "Next: " + std::string(kind->action), {{"class", "next"}});
  }
}

std::vector<std::string> target_ids(const Judgement& judgement) {
  std::vector<std::string> ids;
  std::set<std::string> used;
  for (const TargetVerdict& target : judgement.targets) {
    std::string id = "target-" + fragment(target.id);
    for (int copy = 2; !used.insert(id).second; ++copy)
      id = "target-" + fragment(target.id) + "-" + std::to_string(copy);
    ids.push_back(id);
  }
  return ids;
}

}  // namespace render

std::string render_html(const Judgement& judgement) {
  using namespace render;
  HtmlWriter html;
  html.raw("<!DOCTYPE html>\n");
  {
    const auto document = html.element("html", {{"lang", "en"}});
    write_head(html, judgement);
    const auto body = html.element("body");
    html.leaf("a", "Skip to the targets", {{"class", "skip"}, {"href", "#targets"}});
    const std::vector<std::string> ids = target_ids(judgement);
    {
      const auto main = html.element("main");
      write_summary(html, judgement, ids);
      write_contents(html, judgement);
      write_targets(html, judgement, ids);
      write_appendix(html, judgement, ids);
    }
    write_footer(html, judgement);
  }
  return html.take();
}

}  // namespace assay
