// junit.xml as GitLab, Jenkins and GitHub's readers take it.
//
//   - one suite per level, one case per clause; its name is "clause title"
//   - mandatory fail, invalid        <failure>   the build fails
//   - mandatory missing, inconclusive  <error>   the build fails: nothing was shown
//   - waived                         <skipped>   neither a success nor a failure: the waiver is the message
//   - scored and reported clauses never fail the build; their verdict is a property and in <system-out>
//   - when the campaign does not pass and no clause says so (nothing was judged, say), a case of its own
//   does:
//     a file without failures means exit status 0
//   - time is "0": some readers refuse a case without it, and a verdict takes none
#include <algorithm>

#include "reports/render/escape.h"
#include "reports/render/present.h"
#include "reports/render/render.h"

namespace assay {
namespace render {
namespace {

struct Tally {
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;

  std::string attributes() const {
    return " tests=\"" + std::to_string(tests) + "\" failures=\"" + std::to_string(failures) +
           "\" errors=\"" + std::to_string(errors) + "\" skipped=\"" + std::to_string(skipped) +
           "\" time=\"0\"";
  }
  void add(const Tally& other) {
    tests += other.tests;
    failures += other.failures;
    errors += other.errors;
    skipped += other.skipped;
  }
};

std::string attribute(std::string_view text) {
  return escape_html(text, Lines::join);
}

std::string property(std::string_view name, std::string_view value) {
  return "        <property name=\"" + attribute(name) + "\" value=\"" + attribute(value) + "\"/>\n";
}

/// What a person needs who sees only the build's log.
std::string details(const Judgement& judgement, const TargetVerdict& target) {
  std::string text;
  for (const PartVerdict& part : target.parts) {
    text += std::string(assay::to_string(part.verdict)) + ": " +
            (part.case_label.empty() ? std::string(to_string(part.kind)) : part.case_label) +
            "\n  required " + part.required_text + ", measured " + measured_text(part);
    if (is_timed(part)) {
      text += ", interval " + interval_text(part) + " (" + bounds_text(judgement) + "), launches met " +
              launches_text(part);
    }
    text += "\n";
    if (!part.reason.empty() && part.reason != target.reason) text += "  " + part.reason + "\n";
    if (!part.repeat_command.empty()) text += "  repeat: " + part.repeat_command + "\n";
  }
  for (const Finding& finding : target.findings) {
    const FindingKind* kind = known_kind(finding.code);
    text += finding.code + " " + finding.text + "\n";
    if (kind != nullptr) text += "  next: " + std::string(kind->action) + "\n";
  }
  return text;
}

std::string element(const char* tag, const std::string& message, Verdict verdict, const std::string& text) {
  return std::string("      <") + tag + " message=\"" + attribute(message) + "\" type=\"" +
         assay::to_string(verdict) + "\">" + escape_html(text) + "</" + tag + ">\n";
}

std::string test_case(const Judgement& judgement, const TargetVerdict& target, Tally& tally) {
  ++tally.tests;
  std::string xml = "    <testcase classname=\"" +
                    attribute("assay." + std::string(assay::to_string(target.level))) + "\" name=\"" +
                    attribute(target.id + " " + target.title) + "\" time=\"0\">\n      <properties>\n";
  xml += property("clause", target.id) + property("verdict", assay::to_string(target.verdict));
  if (!target.fom.empty()) xml += property("figure", target.fom);
  for (const PartVerdict& part : target.parts) {
    const std::string label = part.case_label.empty() ? std::string(to_string(part.kind)) : part.case_label;
    xml += property("measured " + label, measured_text(part) + " (required " + part.required_text + ")");
  }
  if (target.waiver) xml += property("waiver", waiver_text(*target.waiver));
  xml += "      </properties>\n";
  const std::string text = details(judgement, target);  // the reason is the message
  const std::string message = std::string(assay::to_string(target.verdict)) + ": " + target.reason;
  const bool counts = target.level == Level::mandatory;
  if (target.verdict == Verdict::waived) {
    ++tally.skipped;
    xml += "      <skipped message=\"" + attribute(target.waiver ? waiver_text(*target.waiver) : "waived") +
           "\"/>\n";
  } else if (counts && (target.verdict == Verdict::fail || target.verdict == Verdict::invalid)) {
    ++tally.failures;
    xml += element("failure", message, target.verdict, text);
  } else if (counts && target.verdict != Verdict::pass) {
    ++tally.errors;
    xml += element("error", message, target.verdict, text);
  }
  if (!counts || target.verdict == Verdict::pass || target.verdict == Verdict::waived) {
    xml += "      <system-out>" + escape_html(message + "\n" + text) + "</system-out>\n";
  }
  return xml + "    </testcase>\n";
}

std::string suite(std::string_view name, const Judgement& judgement, const Tally& tally,
                  const std::string& cases) {
  std::string xml = "  <testsuite name=\"" + attribute(name) + "\"" + tally.attributes();
  if (time_text(judgement.started) != judgement.started) {
    xml += " timestamp=\"" + attribute(judgement.started.substr(0, 19)) +
           "\"";  // UTC, to the second, as readers expect
  }
  xml += ">\n    <properties>\n";
  for (const auto& [key, value] : {std::pair<const char*, std::string>{"campaign", judgement.campaign},
                                   {"system", judgement.system},
                                   {"plan", judgement.plan_name},
                                   {"targets", judgement.targets_name},
                                   {"confidence", number_text(judgement.confidence)},
                                   {"assay version", judgement.assay_version}}) {
    xml += property(key, value);
  }
  return xml + "    </properties>\n" + cases + "  </testsuite>\n";
}

}  // namespace
}  // namespace render

std::string render_junit(const Judgement& judgement) {
  using namespace render;
  std::string suites;
  Tally all;
  for (const Level level : levels) {
    Tally tally;
    std::string cases;
    for (const TargetVerdict& target : judgement.targets) {
      if (target.level == level) cases += test_case(judgement, target, tally);
    }
    if (tally.tests == 0) continue;
    suites += suite(to_string(level), judgement, tally, cases);
    all.add(tally);
  }
  if (judgement.exit_status != ExitStatus::pass && all.failures + all.errors == 0) {
    Tally tally{1, 0, 1, 0};
    suites += suite("campaign", judgement, tally,
                    "    <testcase classname=\"assay.campaign\" name=\"overall\" time=\"0\">\n" +
                        element("error", judgement.headline, judgement.overall, counts_text(judgement)) +
                        "    </testcase>\n");
    all.add(tally);
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"" +
         attribute("assay: " + judgement.headline) + "\"" + all.attributes() + ">\n" + suites +
         "</testsuites>\n";
}

}  // namespace assay
