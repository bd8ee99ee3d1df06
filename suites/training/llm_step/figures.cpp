#include "suites/training/llm_step/figures.h"

#include <algorithm>
#include <optional>

#include "suites/training/support/model.h"

namespace assay::bench {

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
      {"entropy_nats", facts.entropy_nats},
      {"loss_bound_nats", facts.loss_bound_nats},
      {"memory_estimate_bytes", facts.memory_estimate_bytes},
      {"peak_rss_bytes", facts.peak_rss_bytes},
      {"bytes_sent_per_step",
       facts.bytes_sent / static_cast<double>(std::max<std::int64_t>(1, facts.steps_checked))}};
  if (facts.steps_checked > 0) metrics["last_loss_nats"] = facts.last_loss_nats;
  const auto median_s = reduce_samples(Reduce::median, facts.steps_s);
  if (!median_s || *median_s <= 0) return metrics;
  const double rate = tokens / *median_s;
  metrics["tokens_per_s_and_rank"] = rate / facts.ranks;
  metrics["time_for_20e6_tokens_s"] = 20e6 / rate;
  if (facts.ceiling_per_second > 0) {
    metrics["mfu"] = flops * rate / facts.ceiling_per_second;
    metrics["hfu"] = (flops + again) * rate / facts.ceiling_per_second;
  }
  return metrics;
}

}  // namespace assay::bench
