#include "reports/render/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "reports/render/escape.h"
#include "reports/render/html_parts.h"
#include "reports/render/sample_judgement_test.h"

namespace assay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(RenderText, SaysTheHeadlineFirstAndTheVerdictsInWords) {
  const std::string text = render_text(samples::everything());
  EXPECT_EQ(text.rfind("Fails: 2 of 9 mandatory clauses", 0), 0u);
  for (const char* what :
       {"MANDATORY", "SCORED", "REPORTED", "inconclusive", "invalid", "missing", "waived", "insufficient",
        "8,000", "ASY-1001 check failed", "next: ", "repeat: mpiexec", "two one-sided 95 % bounds",
        "campaign 3 of 3 under these targets", "waived by Jane Roe"}) {
    EXPECT_THAT(text, HasSubstr(what));
  }
  EXPECT_LT(text.find("MANDATORY"), text.find("SCORED"));
  EXPECT_LT(text.find("SCORED"), text.find("REPORTED"));
}

TEST(RenderText, KeepsToItsWidthButForCommandsToCopy) {
  for (const auto& [name, judgement] : samples::all()) {
    for (const int width : {40, 80, 100, 160}) {
      for (const std::string& line : lines_of(render_text(judgement, width))) {
        if (line.rfind("  repeat: ", 0) == 0) continue;
        EXPECT_LE(render::display_width(line), static_cast<std::size_t>(width)) << name << ": " << line;
      }
    }
  }
}

TEST(RenderText, ColourOnlyAddsEscapes) {
  for (const int width : {60, 100, 160}) {
    std::string coloured = render_text(samples::everything(), width, true);
    EXPECT_THAT(coloured, HasSubstr("\x1b[1;31mfail\x1b[0m"));
    for (auto at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b')) {
      coloured.erase(at, coloured.find('m', at) - at + 1);
    }
    EXPECT_EQ(coloured, render_text(samples::everything(), width, false));
  }
}

TEST(RenderText, AHostileStringCannotSteerTheTerminal) {
  const std::string text = render_text(samples::hostile());
  for (const char c : text)
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
}

TEST(RenderJson, HoldsEverythingAndNullForWhatIsAbsent) {
  const auto json = nlohmann::json::parse(render_json(samples::everything()));
  EXPECT_EQ(json.at("schema"), "assay.verdicts/1");
  EXPECT_EQ(json.at("overall"), "fail");
  EXPECT_EQ(json.at("exit_status"), 1);
  EXPECT_EQ(json.at("counts").at("pass"), 4);
  const auto& missing = json.at("targets").at(6);
  EXPECT_EQ(missing.at("id"), "5.1");
  EXPECT_EQ(missing.at("verdict"), "missing");
  EXPECT_TRUE(missing.at("parts").at(0).at("measured").is_null());
  EXPECT_TRUE(missing.at("parts").at(0).at("interval").at("lower").is_null());
  EXPECT_EQ(missing.at("parts").at(0).at("launches").at(0).at("trouble"),
            "timeout: ranks 3 and 5 did not arrive");
  const auto& fleet = json.at("targets").at(1).at("parts").at(0);
  EXPECT_EQ(fleet.at("devices"), 8000);
  EXPECT_EQ(fleet.at("worst_devices").size(), 20u);
  EXPECT_EQ(fleet.at("distribution").at("counts").size(), 40u);
  EXPECT_EQ(json.at("targets").at(7).at("waiver").at("name"), "Jane Roe");
  EXPECT_EQ(json.at("targets").at(7).at("underlying"), "fail");
}

TEST(RenderJson, IsTheSameEveryTimeAndAlwaysParses) {
  for (const auto& [name, judgement] : samples::all()) {
    EXPECT_EQ(render_json(judgement), render_json(judgement));
    EXPECT_TRUE(nlohmann::json::accept(render_json(judgement))) << name;
  }
}

TEST(RenderJunit, OnlyMandatoryTroubleBreaksTheBuild) {
  const std::string xml = render_junit(samples::everything());
  // 12 clauses; fail, fail and invalid; missing and inconclusive; one waived. The reported inconclusive one
  // is none.
  EXPECT_THAT(xml, HasSubstr("tests=\"11\" failures=\"3\" errors=\"2\" skipped=\"1\" time=\"0\">\n  "
                             "<testsuite name=\"mandatory\""));
  EXPECT_EQ(count(xml, "<failure "), 3u);
  EXPECT_EQ(count(xml, "<error "), 2u);
  EXPECT_EQ(count(xml, "<skipped "), 1u);
  EXPECT_EQ(count(xml, "<testcase "), 11u);
  EXPECT_THAT(xml, HasSubstr("<property name=\"verdict\" value=\"inconclusive\"/>"));
}

TEST(RenderJunit, NothingJudgedIsAnErrorNotASuccess) {
  EXPECT_THAT(render_junit(samples::empty()), HasSubstr("tests=\"1\" failures=\"0\" errors=\"1\""));
  Judgement contradictory = samples::passing();
  contradictory.exit_status = ExitStatus::fail;
  EXPECT_THAT(render_junit(contradictory), HasSubstr("errors=\"1\""));
  EXPECT_THAT(render_junit(samples::passing()), HasSubstr("failures=\"0\" errors=\"0\""));
}

TEST(RenderJunit, HostileStringsStayText) {
  const std::string xml = render_junit(samples::hostile());
  EXPECT_THAT(xml, Not(HasSubstr("<script")));
  for (const char c : xml) EXPECT_TRUE(c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20);
}

TEST(RenderMarkdown, HostileStringsStayInTheirCell) {
  const std::string text = render_markdown(samples::hostile());
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  EXPECT_THAT(text, Not(HasSubstr("<img")));
  for (const std::string& line : lines_of(text)) {
    if (line.rfind("| ", 0) != 0 || line.rfind("| ---", 0) == 0) continue;
    std::size_t bars = 0;
    for (std::size_t i = 0; i < line.size(); ++i)
      bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
    EXPECT_EQ(bars, 8u) << line;
  }
}

/// Fields of RFC 4180 text, for the test of what was written.
std::vector<std::vector<std::string>> read_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1);
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted) {
      if (text[i] == '"' && i + 1 < text.size() && text[i + 1] == '"') {
        field += text[++i];
      } else if (text[i] == '"') {
        quoted = false;
      } else {
        field += text[i];
      }
    } else if (text[i] == '"') {
      quoted = true;
    } else if (text[i] == ',' || text[i] == '\n') {
      rows.back().push_back(field);
      field.clear();
      if (text[i] == '\n') rows.emplace_back();
    } else if (text[i] != '\r') {
      field += text[i];
    }
  }
  rows.pop_back();
  return rows;
}

TEST(RenderCsv, OneLineAPartAndAsManyFieldsAsTheHeader) {
  for (const auto& [name, judgement] : samples::all()) {
    std::size_t parts = 0;
    for (const TargetVerdict& target : judgement.targets)
      parts += std::max<std::size_t>(1, target.parts.size());
    const auto rows = read_csv(render_csv(judgement));
    EXPECT_EQ(rows.size(), parts + 1) << name;
    for (const auto& row : rows) EXPECT_EQ(row.size(), rows[0].size()) << name;
  }
  Judgement judgement = samples::small();
  judgement.targets[0].parts.clear();
  for (const auto& row : read_csv(render_csv(judgement))) EXPECT_EQ(row.size(), 34u);
}

TEST(RenderCsv, ValuesAreInBaseUnits) {
  const auto rows = read_csv(render_csv(samples::small()));
  const auto column = [&](const char* name) {
    return static_cast<std::size_t>(std::find(rows[0].begin(), rows[0].end(), name) - rows[0].begin());
  };
  EXPECT_EQ(rows[1][column("target")], "7e+14");
  EXPECT_EQ(rows[1][column("measured")], "7.111e+14");
  EXPECT_EQ(rows[1][column("unit")], "FLOP/s");
  EXPECT_EQ(rows[3][column("interval_lower")], "");
  EXPECT_EQ(rows[3][column("verdict")], "inconclusive");
}

TEST(RenderHtml, IsOneFileThatAllowsNothingElse) {
  for (const auto& [name, judgement] : samples::all()) {
    const std::string html = render_html(judgement);
    EXPECT_EQ(html.rfind("<!DOCTYPE html>\n<html lang=\"en\">", 0), 0u);
    EXPECT_THAT(html, HasSubstr("content=\"default-src &#39;none&#39;; style-src &#39;sha256-"));
    for (const char* forbidden : {"<script", "<img", "<link", "<iframe", "src=", "url(", "@import",
                                  "http://e", " style=\"", "onerror=\""}) {
      if (name == "hostile" && (std::string(forbidden) == "src=" || std::string(forbidden) == "http://e"))
        continue;
      EXPECT_THAT(html, Not(HasSubstr(forbidden))) << name;
    }
    EXPECT_EQ(count(html, "<h1"), 1u);
  }
}

TEST(RenderHtml, SaysTheVerdictBeforeAnythingElse) {
  const std::string html = render_html(samples::everything());
  const auto verdict = html.find("Fails: 2 of 9", html.find("<body>"));
  const auto deciding = html.find("What decides it");
  EXPECT_LT(verdict, deciding);
  EXPECT_LT(deciding, html.find("id=\"targets\""));
  EXPECT_THAT(html, HasSubstr("href=\"#target-4.3.2\""));
  EXPECT_THAT(html, HasSubstr("id=\"target-4.3.2\""));
  EXPECT_THAT(html, HasSubstr("unknown to this version of Assay"));  // ASY-9999
}

TEST(RenderHtml, TwoClausesNeverShareAnId) {
  Judgement judgement = samples::small();
  judgement.targets[0].id = "a b";
  judgement.targets[1].id = "a-b";
  EXPECT_EQ(render::target_ids(judgement),
            (std::vector<std::string>{"target-a-b", "target-a-b-2", "target-4.3.3"}));
}

TEST(RenderHtml, AThousandNodesStayWithinFiveMegabytes) {
  EXPECT_LT(render_html(samples::large()).size(), 5'000'000u);
}

TEST(RenderHtml, NothingMandatoryIsSaidNotHidden) {
  EXPECT_THAT(render_html(samples::empty()), HasSubstr("No mandatory clause was judged"));
}

}  // namespace
}  // namespace assay
