// The enumerations of the record schema as the words that files use.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "reports/record/catalogue.h"
#include "reports/record/record.h"

namespace assay {

template <typename Enum>
struct Words;

template <>
struct Words<Placement> {
  static constexpr std::array<std::pair<Placement, std::string_view>, 4> all{{{Placement::fixed, "fixed"},
                                                                              {Placement::all, "all"},
                                                                              {Placement::each, "each"},
                                                                              {Placement::pairs, "pairs"}}};
};
template <>
struct Words<LaunchStatus> {
  static constexpr std::array<std::pair<LaunchStatus, std::string_view>, 5> all{
      {{LaunchStatus::completed, "completed"},
       {LaunchStatus::failed, "failed"},
       {LaunchStatus::timeout, "timeout"},
       {LaunchStatus::unsupported, "unsupported"},
       {LaunchStatus::not_run, "not_run"}}};
};
template <>
struct Words<CheckStatus> {
  static constexpr std::array<std::pair<CheckStatus, std::string_view>, 3> all{
      {{CheckStatus::pass, "pass"}, {CheckStatus::fail, "fail"}, {CheckStatus::absent, "absent"}}};
};
template <>
struct Words<Better> {
  static constexpr std::array<std::pair<Better, std::string_view>, 2> all{
      {{Better::higher, "higher"}, {Better::lower, "lower"}}};
};
template <>
struct Words<Reduce> {
  static constexpr std::array<std::pair<Reduce, std::string_view>, 8> all{{{Reduce::median, "median"},
                                                                           {Reduce::mean, "mean"},
                                                                           {Reduce::min, "min"},
                                                                           {Reduce::max, "max"},
                                                                           {Reduce::p95, "p95"},
                                                                           {Reduce::p99, "p99"},
                                                                           {Reduce::p99_9, "p99.9"},
                                                                           {Reduce::total, "total"}}};
};
template <>
struct Words<PeakBasis> {
  static constexpr std::array<std::pair<PeakBasis, std::string_view>, 2> all{
      {{PeakBasis::theoretical, "theoretical"}, {PeakBasis::measured, "measured"}}};
};
template <>
struct Words<ParameterType> {
  static constexpr std::array<std::pair<ParameterType, std::string_view>, 6> all{
      {{ParameterType::integer, "integer"},
       {ParameterType::bytes, "bytes"},
       {ParameterType::real, "real"},
       {ParameterType::choice, "choice"},
       {ParameterType::flag, "flag"},
       {ParameterType::text, "text"}}};
};
template <>
struct Words<Scope> {
  static constexpr std::array<std::pair<Scope, std::string_view>, 2> all{
      {{Scope::device, "device"}, {Scope::group, "group"}}};
};

template <typename Enum>
constexpr std::string_view word(Enum value) {
  for (const auto& [known, text] : Words<Enum>::all) {
    if (known == value) return text;
  }
  return "?";
}

template <typename Enum>
constexpr std::optional<Enum> from_word(std::string_view text) {
  for (const auto& [value, known] : Words<Enum>::all) {
    if (known == text) return value;
  }
  return std::nullopt;
}

/// "fixed, all, each, pairs"
template <typename Enum>
std::string known_words() {
  std::string text;
  for (const auto& [value, known] : Words<Enum>::all) {
    if (!text.empty()) text += ", ";
    text += known;
  }
  return text;
}

}  // namespace assay
