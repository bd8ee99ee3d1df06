#include "suites/training/support/model.h"

#include <limits>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "suites/training/support/divisors.h"

namespace assay::training {

namespace {

struct Preset {
  const char* name;
  ModelShape shape;
};

const std::vector<Preset>& presets() {
  using enum Architecture;
  static const std::vector<Preset> all{
      // For the quick plan: learns within seconds on two cores.
      {"tiny", {gpt, 2, 128, 4, 4, 512, 64, 64, 512, true, 0}},
      // Radford and others, "Language Models are Unsupervised Multitask Learners", 2019, table 2, with the
      // published code's vocabulary and context.
      {"gpt2-124m", {gpt, 12, 768, 12, 12, 3072, 1024, 1024, 50257, true, 0}},
      // meta-llama/Llama-3.2-1B, config.json (its scaled rotary frequencies matter to longer contexts only).
      {"llama3-1b", {llama, 16, 2048, 32, 8, 8192, 8192, 0, 128256, true, 500000}},
      // "The Llama 3 Herd of Models" (arXiv:2407.21783), table 3.
      {"llama3-8b", {llama, 32, 4096, 32, 8, 14336, 8192, 0, 128256, false, 500000}},
      {"llama3-70b", {llama, 80, 8192, 64, 8, 28672, 8192, 0, 128256, false, 500000}},
      {"llama3-405b", {llama, 126, 16384, 128, 8, 53248, 8192, 0, 128256, false, 500000}},
      // Hidden 12288, 96 layers, 96 heads: the JUPITER suite's (FZJ-JSC/jubench). Context and vocabulary are
      // GPT-3's (arXiv:2005.14165, table 2.1 and section 2.1).
      {"gpt-175b", {gpt, 96, 12288, 96, 96, 49152, 2048, 2048, 50257, true, 0}},
  };
  return all;
}

std::string number(std::int64_t value) {
  return std::to_string(value);
}

void require_within(const char* what, std::int64_t value, std::int64_t most) {
  if (value >= 1 && value <= most) return;
  throw bad_input(std::string(what) + " is " + number(value) + ", which is outside 1 to " + number(most),
                  "give a number in that range, or 0 for the preset's");
}

/// `value` scaled by changed / original, which must be a whole number.
std::int64_t in_proportion(const char* what, std::int64_t value, std::int64_t changed, std::int64_t original,
                           const char* by) {
  if (value * changed % original != 0 || value * changed / original == 0) {
    throw bad_input(std::string(what) + " cannot follow " + by + " " + number(changed) + " in the preset's " +
                        "proportion " + number(value) + " : " + number(original) +
                        " (it would not be a whole number)",
                    std::string("give ") + what + " too");
  }
  return value * changed / original;
}

/// The table of tokens, which a head that is not tied has a second of.
std::int64_t table_count(const ModelShape& shape) {
  return shape.vocabulary * shape.width;
}

}  // namespace

const std::vector<std::string>& preset_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Preset& one : presets()) all.emplace_back(one.name);
    return all;
  }();
  return names;
}

ModelShape preset(std::string_view name) {
  for (const Preset& one : presets()) {
    if (name == one.name) return one.shape;
  }
  throw bad_input("there is no model '" + std::string(name) + "'", suggest(name, preset_names()));
}

ModelShape preset(std::string_view name, const ModelOverrides& overrides) {
  const ModelShape original = preset(name);
  ModelShape shape = original;
  const auto replace = [](std::int64_t& value, const char* what, std::int64_t given, std::int64_t most) {
    if (given == 0) return;
    require_within(what, given, most);
    value = given;
  };
  replace(shape.layers, "layers", overrides.layers, 1 << 16);
  replace(shape.width, "width", overrides.width, 1 << 20);
  replace(shape.heads, "heads", overrides.heads, 1 << 20);
  replace(shape.sequence, "sequence", overrides.sequence, 1 << 24);
  replace(shape.vocabulary, "vocabulary", overrides.vocabulary, std::numeric_limits<std::int32_t>::max());
  if (overrides.feed_forward == 0) {
    shape.feed_forward =
        in_proportion("feed_forward", original.feed_forward, shape.width, original.width, "width");
  }
  replace(shape.feed_forward, "feed_forward", overrides.feed_forward, 1 << 22);
  if (overrides.kv_heads == 0) {
    shape.kv_heads = in_proportion("kv_heads", original.kv_heads, shape.heads, original.heads, "heads");
  }
  replace(shape.kv_heads, "kv_heads", overrides.kv_heads, 1 << 20);
  if (overrides.positions != 0 && shape.architecture == Architecture::llama) {
    throw bad_input("positions is " + number(overrides.positions) + ", and " + std::string(name) +
                        " has no table of positions (a Llama turns its queries and keys instead)",
                    "leave positions at 0");
  }
  replace(shape.positions, "positions", overrides.positions, 1 << 24);
  require_valid(shape);
  return shape;
}

void require_valid(const ModelShape& shape) {
  require_within("layers", shape.layers, 1 << 16);
  require_within("width", shape.width, 1 << 20);
  require_within("heads", shape.heads, 1 << 20);
  require_within("kv_heads", shape.kv_heads, 1 << 20);
  require_within("feed_forward", shape.feed_forward, 1 << 22);
  require_within("sequence", shape.sequence, 1 << 24);
  require_within("vocabulary", shape.vocabulary, std::numeric_limits<std::int32_t>::max());
  if (shape.width % shape.heads != 0) {
    throw bad_input("width " + number(shape.width) + " does not divide into " + number(shape.heads) +
                        " heads (each head has width / heads numbers)",
                    "numbers of heads that do: " + list_divisors(shape.width));
  }
  if (shape.heads % shape.kv_heads != 0) {
    throw bad_input(number(shape.heads) + " heads cannot share " + number(shape.kv_heads) +
                        " heads of keys and values evenly",
                    "numbers of kv_heads that work: " + list_divisors(shape.heads));
  }
  if (shape.architecture == Architecture::gpt) {
    if (shape.sequence > shape.positions) {
      throw bad_input("sequence " + number(shape.sequence) + " is longer than the table of " +
                          number(shape.positions) + " learned positions",
                      "give a sequence of at most " + number(shape.positions) + ", or positions = " +
                          number(shape.sequence) + " (which changes the number of parameters)");
    }
    return;
  }
  if (shape.head_size() % 2 != 0) {
    throw bad_input("heads of size " + number(shape.head_size()) + " (width " + number(shape.width) + " / " +
                        number(shape.heads) + " heads) cannot be turned in pairs (rotary positions)",
                    "choose width and heads so that width / heads is even");
  }
  if (!(shape.rope_base > 1)) throw bad_input("rope_base must be above 1", "Llama 3 uses 500000");
}

std::int64_t layer_parameter_count(const ModelShape& s) {
  const std::int64_t matrices = (s.width + 2 * s.kv_width()) * s.width + s.width * s.width;
  if (s.architecture == Architecture::llama) {
    return matrices + 3 * s.feed_forward * s.width + 2 * s.width;
  }
  const std::int64_t biases = s.width + 2 * s.kv_width() + s.width + s.feed_forward + s.width;
  return matrices + 2 * s.feed_forward * s.width + biases + 4 * s.width;
}

std::int64_t parameter_count(const ModelShape& s) {
  const std::int64_t last_norm = (s.architecture == Architecture::gpt ? 2 : 1) * s.width;
  return table_count(s) * (s.tied_head ? 1 : 2) + s.positions * s.width +
         s.layers * layer_parameter_count(s) + last_norm;
}

std::int64_t multiplied_parameter_count(const ModelShape& s) {
  return parameter_count(s) - s.positions * s.width - (s.tied_head ? 0 : table_count(s));
}

double palm_flops_per_token(const ModelShape& s) {
  return 6 * static_cast<double>(multiplied_parameter_count(s)) +
         12 * static_cast<double>(s.layers * s.width) * static_cast<double>(s.sequence);
}

double llmc_flops_per_token(const ModelShape& s) {
  return 6 * static_cast<double>(parameter_count(s)) +
         6 * static_cast<double>(s.layers * s.width) * static_cast<double>(s.sequence);
}

RecomputedFlops recomputed_flops_per_token(const ModelShape& s, bool recompute_layers) {
  const double scores = 2 * static_cast<double>(s.layers * s.width) * static_cast<double>(s.sequence);
  RecomputedFlops flops;
  flops.scores = scores;
  flops.head = 2 * static_cast<double>(table_count(s));
  if (recompute_layers) {
    flops.layers = 2 * static_cast<double>(s.layers * layer_parameter_count(s)) + 2 * scores;
  }
  return flops;
}

std::string_view name_of(Architecture architecture) {
  return architecture == Architecture::gpt ? "gpt" : "llama";
}

}  // namespace assay::training
