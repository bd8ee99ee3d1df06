// What the formats for people share: words, symbols, numbers as text, and which targets come first.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/judge/judgement.h"

namespace assay::render {

/// All verdicts, worst first.
inline constexpr std::array<Verdict, 6> verdicts_worst_first = {
    Verdict::fail, Verdict::invalid, Verdict::missing, Verdict::inconclusive, Verdict::waived, Verdict::pass};
inline constexpr std::array<Level, 3> levels = {Level::mandatory, Level::scored, Level::reported};

/// Place in verdicts_worst_first.
int badness(Verdict verdict);
/// One character beside the word, so that colour is never the only signal.
std::string_view symbol(Verdict verdict);
/// What a verdict means, in one sentence.
std::string_view meaning(Verdict verdict);
std::string_view to_string(PartVerdict::Kind kind);
std::string_view to_string(Coverage coverage);
std::string_view to_string(Severity severity);

/// A value in `unit`, with as many digits as it takes to read differently from each of `others` that differs.
/// Unit "1" is a share and shown in per cent.
std::string value_text(double value, std::string_view unit,
                       const std::vector<std::optional<double>>& others = {});
/// "+1.83 %", "-0.0002 %": never rounded to nothing.
std::string distance_text(double distance);
/// The measured value of a part, told apart from target and limit; `measured_text` where there is no number;
/// "-" when nothing was measured.
std::string measured_text(const PartVerdict& part);
/// "702.1 to 715.0 TFLOP/s", ">= 702.1 TFLOP/s", "insufficient"; "-" for inventory and documents.
std::string interval_text(const PartVerdict& part);
/// The limit after tolerance when it is not the target itself, else empty.
std::string limit_text(const PartVerdict& part);
/// "5/8": launches that met the limit, of those that were started.
std::string met_text(const PartVerdict& part);
/// "7/7" or "5/8 (1 without value)"; "-" for inventory and documents.
std::string launches_text(const PartVerdict& part);
/// "1 device", "8,000 devices"; empty for none.
std::string devices_text(std::size_t devices);
/// "1,234,567"
std::string thousands(std::size_t count);
/// "31.9": three significant digits; "over 1e+06" style for large ones.
std::string e_value_text(double e_value);
/// "two one-sided 95 % bounds"
std::string bounds_text(const Judgement& judgement);
/// "0.95": shortest text that reads back as the same number; empty when it is not finite.
std::string number_text(double value);
/// 1 / alpha: what an E-value must reach.
double e_value_needed(const Judgement& judgement);
/// "2026-11-22T10:00:00.123Z" as "2026-11-22 10:00 UTC"; other text as it is.
std::string time_text(const std::string& utc);
/// "2026-11-22 10:00 to 10:02 UTC"; one time when there is no other.
std::string period_text(const std::string& started, const std::string& finished);
/// "campaign 3 of 3 under these targets"; empty without a register.
std::string register_text(const Judgement& judgement);
/// "3 pass, 2 fail, 1 missing": verdicts that occur, worst first.
std::string counts_text(const Judgement& judgement);
/// With a full stop at the end, where there is none.
std::string sentence(const std::string& text);
bool is_timed(const PartVerdict& part);

/// The row of the table of findings, or nullptr for a code that an older or newer program wrote.
const FindingKind* known_kind(std::string_view code);

/// The waiver in words: "waived by Jane Roe (Owner), 2026-11-20: reason; amendment 3".
std::string waiver_text(const Waiver& waiver);

/// One line of "what decides it".
struct DecidingPart {
  const TargetVerdict* target = nullptr;
  const PartVerdict* part = nullptr;  ///< nullptr: the target has no part to show
};

/// The mandatory parts that make the overall verdict, worst first. When nothing is wrong: the waived ones,
/// then those closest to their limit.
std::vector<DecidingPart> deciding_parts(const Judgement& judgement);
/// Whether deciding_parts are troubles (true) or the closest passes.
bool has_trouble(const Judgement& judgement);

}  // namespace assay::render
