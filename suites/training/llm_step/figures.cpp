#include "suites/training/llm_step/figures.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "suites/training/support/model.h"

namespace assay::bench {

namespace {

/// "4.41e+11".
std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::string all_of(int ranks) {
  return ranks == 1 ? "1 rank" : "all " + std::to_string(ranks) + " ranks together";
}

std::optional<double> mfu_of_gemm(const LlmStepSettings& settings, const LlmStepFacts& facts) {
  const auto median_s = reduce_samples(Reduce::median, facts.steps_s);
  if (!median_s || *median_s <= 0 || facts.gemm.per_second <= 0) return std::nullopt;
  return training::palm_flops_per_token(settings.shape) * static_cast<double>(settings.tokens_per_step()) /
         *median_s / facts.gemm.per_second;
}

}  // namespace

std::map<std::string, std::string> llm_step_words(const LlmStepSettings& settings,
                                                  const LlmStepFacts& facts) {
  const training::ModelShape& shape = settings.shape;
  std::map<std::string, std::string> words;
  words["warmup_steps"] = std::to_string(facts.warmups) + ", not recorded";
  words["energy"] = facts.energy_words;
  words["flops"] =
      "PaLM, appendix B: F = 6 N + 12 L H Q T = " + number(training::palm_flops_per_token(shape)) +
      " a token, N = " + std::to_string(training::multiplied_parameter_count(shape)) +
      " (without look-up tables), L = " + std::to_string(shape.layers) +
      ", H Q = " + std::to_string(shape.width) + ", T = " + std::to_string(shape.sequence);
  const auto share_of = [&](double peak, const std::string& source) {
    return "F x tokens/s / peak, peak = " + number(peak) + " FLOP/s, measured: " + source + ", " +
           all_of(facts.ranks);
  };
  if (facts.ceiling_per_second > 0) words["mfu"] = share_of(facts.ceiling_per_second, facts.ceiling_source);
  if (facts.gemm.per_second > 0) {
    const std::string size = std::to_string(facts.gemm.size);
    words["mfu_of_gemm"] =
        share_of(facts.gemm.per_second, "the largest product that fits, " + size + " x " + size + " x " +
                                            size + " by the step's operators");
    const auto share = mfu_of_gemm(settings, facts);
    if (share && *share > 1)
      words["mfu_of_gemm"] += "; it is above 1, so the products were disturbed: measure again";
  }
  return words;
}

std::vector<FigureOfMerit> llm_step_figures(const LlmStepSettings& settings, const LlmStepFacts& facts) {
  std::optional<Peak> peak;
  if (facts.ceiling_per_second > 0)
    peak = Peak{facts.ceiling_per_second / training::palm_flops_per_token(settings.shape),
                PeakBasis::measured, "FLOP of a token at what all ranks' " + facts.ceiling_source + " reach"};
  const auto tokens = static_cast<double>(settings.tokens_per_step());
  const auto lower = Better::lower;
  return {{"tokens", tokens, "token/s", Better::higher, Reduce::median, peak, "step"},
          {"step", std::nullopt, "s", lower, Reduce::median, std::nullopt, "step"},
          {"step_p95", std::nullopt, "s", lower, Reduce::p95, std::nullopt, "each_step"},
          {"step_p99", std::nullopt, "s", lower, Reduce::p99, std::nullopt, "each_step"},
          {"step_max", std::nullopt, "s", lower, Reduce::max, std::nullopt, "each_step"},
          {"jitter", std::nullopt, "1", lower, Reduce::median, std::nullopt, "change"}};
}

std::map<std::string, double> llm_step_metrics(const LlmStepSettings& settings, const LlmStepFacts& facts) {
  const training::ModelShape& shape = settings.shape;
  const double flops = training::palm_flops_per_token(shape);
  const double again =
      training::recomputed_flops_per_token(shape, settings.layout.recompute_activations).total();
  const auto tokens = static_cast<double>(settings.tokens_per_step());
  std::map<std::string, double> metrics = {
      {"parameters", static_cast<double>(training::parameter_count(shape))},
      {"flops_per_token", flops},
      {"recomputed_flops_per_token", again},
      {"flops_per_token_llmc", training::llmc_flops_per_token(shape)},
      {"tokens_per_step", tokens},
      {"steps_checked", static_cast<double>(facts.steps_checked)},
      {"warmup_steps", static_cast<double>(facts.warmups)},
      {"parameters_multiplied", static_cast<double>(training::multiplied_parameter_count(shape))},
      {"entropy_nats", facts.entropy_nats},
      {"loss_bound_nats", facts.loss_bound_nats},
      {"memory_estimate_bytes", facts.memory_estimate_bytes},
      {"peak_rss_bytes", facts.peak_rss_bytes},
      {"rss_before_bytes", facts.rss_before_bytes},
      {"bytes_sent_per_step",
       facts.bytes_sent / static_cast<double>(std::max<std::int64_t>(1, facts.steps_checked))}};
  if (facts.device_memory_bytes) metrics["device_memory_bytes"] = *facts.device_memory_bytes;
  if (facts.steps_checked > 0) metrics["last_loss_nats"] = facts.last_loss_nats;
  if (facts.energy_j && !facts.steps_s.empty()) {
    const auto steps = static_cast<double>(facts.steps_s.size());
    metrics["energy_per_step_j"] = *facts.energy_j / steps;
    if (*facts.energy_j > 0) metrics["tokens_per_j"] = tokens * steps / *facts.energy_j;
    if (facts.energy_time_s > 0) metrics["power_w"] = *facts.energy_j / facts.energy_time_s;
  }
  if (facts.gemm.per_second > 0) metrics["gemm_rate_flop_per_s"] = facts.gemm.per_second;
  const auto median_s = reduce_samples(Reduce::median, facts.steps_s);
  if (!median_s || *median_s <= 0) return metrics;
  const double rate = tokens / *median_s;
  metrics["tokens_per_s_and_rank"] = rate / facts.ranks;
  metrics["time_for_20e6_tokens_s"] = 20e6 / rate;
  if (facts.ceiling_per_second > 0) {
    metrics["mfu"] = flops * rate / facts.ceiling_per_second;
    metrics["hfu"] = (flops + again) * rate / facts.ceiling_per_second;
  }
  if (const auto share = mfu_of_gemm(settings, facts)) metrics["mfu_of_gemm"] = *share;
  if (const auto device_s = reduce_samples(Reduce::median, facts.device_steps_s))
    metrics["share_outside_device"] = std::max(0.0, 1 - *device_s / *median_s);
  return metrics;
}

}  // namespace assay::bench
