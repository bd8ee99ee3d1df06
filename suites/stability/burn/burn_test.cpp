// The whole case in one process, on the host and on a device that goes wrong in ways of its own.
#include "suites/stability/burn/burn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "suites/device/operators.h"
#include "suites/harness/measure.h"
#include "suites/harness/worker.h"

namespace assay::bench::stability {
namespace {

using device::Element;
using device::Reading;
using testing::HasSubstr;

/// The host with telemetry, and products that can be spoilt.
class DoctoredDevice final : public device::Device {
 public:
  std::function<Reading(int call)> telemetry;  ///< none: nothing can be read
  /// Whether a product is computed at all, and what is done to C after it; the first one is number 0. However
  /// slow the machine, there are 1 to 5.
  std::function<bool(int number)> computes = [](int) { return true; };
  std::function<void(int number, float* c)> afterwards = [](int, float*) {};

  std::string kind() const override { return "cpu"; }
  std::string name() const override { return "doctored"; }
  std::optional<Reading> read_conditions() override {
    if (!telemetry) return std::nullopt;
    return telemetry(calls_++);
  }
  std::unique_ptr<device::Buffer> allocate(std::size_t bytes) override {
    return device::host().allocate(bytes);
  }
  std::optional<std::uint64_t> available_bytes() const override { return device::host().available_bytes(); }
  std::unique_ptr<device::Operators> operators(Element element, int threads) override {
    return device::host().operators(element, threads);
  }
  std::string gemm_unsupported(Element element) override { return device::host().gemm_unsupported(element); }
  int largest_int8() const override { return device::host().largest_int8(); }
  std::optional<device::Ceiling> gemm_ceiling(Element, int) override { return std::nullopt; }
  std::map<std::string, std::string> libraries() override { return {}; }
  std::vector<std::string> warnings() override { return {}; }

  std::unique_ptr<device::Gemm> plan_gemm(const device::GemmPlan& plan) override {
    class Spoilt final : public device::Gemm {
     public:
      Spoilt(DoctoredDevice& device, const device::GemmPlan& plan)
          : device_(device), inner_(device::host().plan_gemm(plan)), c_(plan.slots[0].c) {}
      void run(int slot) override {
        const int number = number_++;
        if (device_.computes(number)) inner_->run(slot);
        device_.afterwards(number, static_cast<float*>(c_->host()));
      }
      std::map<std::string, std::string> describe() const override { return inner_->describe(); }

     private:
      DoctoredDevice& device_;
      std::unique_ptr<device::Gemm> inner_;
      device::Buffer* c_;
      int number_ = 0;
    };
    return std::make_unique<Spoilt>(*this, plan);
  }

 private:
  int calls_ = 0;
};

struct Burnt {
  Check check;
  std::vector<FigureOfMerit> figures;
  DeviceResult device;
  std::map<std::string, std::string> path;
  std::map<std::string, double> metrics;
  nlohmann::json attachment;
};

/// 64 x 64, 0.2 s, and what of memory a thousandth is.
Burnt burn(device::Device& device, Fault fault = Fault::none, const Parameters& more = {}) {
  Parameters given = {
      {"n", std::int64_t{64}}, {"duration", 0.2}, {"memory_fraction", 0.0005}, {"memory_time", 0.3}};
  for (const auto& [name, value] : more) given[name] = value;
  const Parameters parameters = complete_parameters(find_benchmark("stability/burn").spec, given, {});
  ProcessGroup group;
  Context context{group};
  context.threads = 1;
  omp_set_num_threads(1);
  context.seed = 7;
  context.fault = fault;
  const auto made = make_burn(parameters, context, device);
  made->prepare();
  SteadyClock clock;
  const Measurement measured = measure(*made, Scope::device, group, clock, {});
  if (fault != Fault::none) made->plant(fault);
  Burnt burnt;
  burnt.check = made->check();
  burnt.figures = made->figures();
  burnt.device.series = measured.series;
  burnt.path = made->path();
  burnt.metrics = made->metrics();
  burnt.attachment = nlohmann::json::parse(made->attachments().at(0).bytes);
  return burnt;
}

TEST(StabilityBurn, ComparesEveryProductAndAllMemory) {
  const Burnt burnt = burn(device::host());
  EXPECT_EQ(burnt.check.status, CheckStatus::pass) << burnt.check.how;
  EXPECT_EQ(burnt.check.error, 0.0);
  EXPECT_THAT(burnt.check.how, HasSubstr("the first product verified"));
  EXPECT_THAT(burnt.check.how, HasSubstr("uncorrected memory errors: not readable"));
  ASSERT_EQ(burnt.figures.size(), 4u);
  for (const FigureOfMerit& fom : burnt.figures) EXPECT_TRUE(value_of(fom, burnt.device)) << fom.name;
  EXPECT_EQ(burnt.figures[0].numerator, 2.0 * 64 * 64 * 64);
  EXPECT_EQ(burnt.device.series.at("window").samples.size(), 4u);
  EXPECT_EQ(burnt.device.series.at("memory").samples.size(), 3u);
  const double rate = *value_of(burnt.figures[0], burnt.device),
               worst = *value_of(burnt.figures[1], burnt.device),
               steadiness = *value_of(burnt.figures[2], burnt.device);
  EXPECT_LE(worst, rate);
  EXPECT_NEAR(steadiness, worst / rate, 1e-9);
  EXPECT_GE(burnt.metrics.at("burn_s"), 0.2);
  EXPECT_GT(burnt.metrics.at("products"), 4);
  EXPECT_GE(burnt.metrics.at("verified_memory_bytes"), 2 * burnt.metrics.at("memory_bytes"))
      << "visited in the burn and compared after it";
  EXPECT_EQ(burnt.path.at("errors"), "none on 1 device");
  EXPECT_THAT(burnt.path.at("total_power"), HasSubstr("not known"));
  EXPECT_EQ(burnt.path.at("first_throttle"), "not known on 1 device");
}

TEST(StabilityBurn, EveryTypeOfTheHostRepeatsItsBits) {
  for (const char* dtype : {"f64", "f32", "bf16", "int8"}) {
    const Benchmark& benchmark = find_benchmark("stability/burn");
    ProcessGroup group;
    Context context{group};
    const Parameters one = {{"dtype", std::string(dtype)}, {"n", std::int64_t{96}}};
    const std::string reason = benchmark.unsupported(complete_parameters(benchmark.spec, one, {}), context);
    if (!reason.empty()) continue;
    const Burnt burnt = burn(device::host(), Fault::none, one);
    EXPECT_EQ(burnt.check.status, CheckStatus::pass) << dtype << ": " << burnt.check.how;
    EXPECT_EQ(burnt.figures[0].unit, std::string(dtype) == "int8" ? "OP/s" : "FLOP/s");
  }
}

TEST(StabilityBurn, WithoutMemoryItMultipliesAlone) {
  const Burnt burnt = burn(device::host(), Fault::none, {{"memory_fraction", 0.0}});
  EXPECT_EQ(burnt.check.status, CheckStatus::pass) << burnt.check.how;
  EXPECT_EQ(burnt.figures.size(), 3u);
  EXPECT_EQ(burnt.path.at("tested_memory"), "none");
}

TEST(StabilityBurn, PlantedFaultsAreLocated) {
  const Burnt flipped = burn(device::host(), Fault::wrong_element);
  EXPECT_EQ(flipped.check.status, CheckStatus::fail);
  EXPECT_EQ(flipped.check.error, 2.0) << flipped.check.how;
  // Element 64 * 64 / 3 = 1365 = 21 * 64 + 21.
  EXPECT_THAT(flipped.check.how, HasSubstr("row 21, column 21 is 0x"));
  EXPECT_THAT(flipped.check.how, HasSubstr("(bits 0x1)"));
  EXPECT_THAT(flipped.check.how, HasSubstr("memory byte "));
  EXPECT_THAT(flipped.check.how, HasSubstr("(bits 0x1; round "));
  EXPECT_GE(flipped.metrics.at("first_error_s"), 0.1) << "half of the time";
  EXPECT_EQ(flipped.metrics.at("wrong_elements"), 1);
  EXPECT_EQ(flipped.metrics.at("wrong_memory_words"), 1);
  EXPECT_EQ(flipped.attachment.at("ranks").at(0).at("errors").size(), 2u);
  EXPECT_THAT(flipped.path.at("errors"), HasSubstr("rank 0 (localhost, "));

  const Burnt nan = burn(device::host(), Fault::nan);
  EXPECT_EQ(nan.check.error, 1.0) << nan.check.how;
  EXPECT_THAT(nan.check.how, HasSubstr("row 21, column 21 is 0x7fc00000"));
}

TEST(StabilityBurn, ARankThatDoesNothingFails) {
  const Burnt idle = burn(device::host(), Fault::silent_rank);
  EXPECT_EQ(idle.check.status, CheckStatus::fail);
  EXPECT_THAT(idle.check.how, HasSubstr("no product was computed and compared"));
  EXPECT_FALSE(value_of(idle.figures[0], idle.device));
}

TEST(StabilityBurn, OneWrongBitOfOneProductIsFound) {
  DoctoredDevice device;
  device.afterwards = [](int number, float* c) {
    if (number == 3) c[130] = std::nextafter(c[130], 1e9f);
  };
  const Burnt burnt = burn(device);
  EXPECT_EQ(burnt.check.status, CheckStatus::fail);
  EXPECT_EQ(burnt.check.error, 1.0) << burnt.check.how;
  EXPECT_THAT(burnt.check.how, HasSubstr("product 3, row 2, column 2 is 0x"));
}

TEST(StabilityBurn, AProductThatIsNotComputedIsFound) {
  DoctoredDevice device;
  device.computes = [](int number) { return number != 3; };
  const Burnt burnt = burn(device);
  EXPECT_EQ(burnt.check.status, CheckStatus::fail);
  // 1024 packs: 2, 63, 124, ... were spoilt after product 2: 17 of four elements.
  EXPECT_EQ(burnt.check.error, 68.0) << burnt.check.how;
  EXPECT_THAT(burnt.check.how, HasSubstr("product 3, row 0, column 8 is 0x"));
}

TEST(StabilityBurn, AFirstProductThatIsWrongIsNothingToCompareWith) {
  DoctoredDevice device;
  device.afterwards = [](int, float* c) { c[5] += 1000; };  // always alike
  const Burnt burnt = burn(device);
  EXPECT_EQ(burnt.check.status, CheckStatus::fail);
  EXPECT_EQ(burnt.check.error, 1.0);
  EXPECT_THAT(burnt.check.how, HasSubstr("the first product is wrong (Freivalds, row 0)"));
}

TEST(StabilityBurn, ErrorsOfMemoryAndDriverFailAndCorrectedOnesAreTold) {
  DoctoredDevice corrected;
  corrected.telemetry = [](int call) {
    Reading reading;
    reading.corrected_errors = call == 0 ? 5 : 9;
    reading.uncorrected_errors = 1;
    return reading;
  };
  const Burnt told = burn(corrected);
  EXPECT_EQ(told.check.status, CheckStatus::pass) << told.check.how;
  EXPECT_THAT(told.check.how,
              HasSubstr("uncorrected memory errors: +0; driver errors: not readable; corrected "
                        "memory errors: +4"));
  EXPECT_THAT(told.path.at("error_counters"), HasSubstr("corrected memory errors: +4 on rank 0"));

  DoctoredDevice uncorrected;
  uncorrected.telemetry = [](int call) {
    Reading reading;
    reading.uncorrected_errors = call == 0 ? 5 : 7;
    return reading;
  };
  const Burnt failed = burn(uncorrected);
  EXPECT_EQ(failed.check.status, CheckStatus::fail);
  EXPECT_EQ(failed.check.error, 2.0);
  EXPECT_THAT(failed.check.how, HasSubstr("uncorrected memory errors: +2; driver errors: not read"));

  DoctoredDevice reported;
  reported.telemetry = [](int call) {
    Reading reading;
    reading.driver_errors = call == 0 ? 0 : 1;
    reading.last_driver_error = "XID 48: double bit error";
    return reading;
  };
  const Burnt named = burn(reported);
  EXPECT_EQ(named.check.status, CheckStatus::fail);
  EXPECT_THAT(named.check.how, HasSubstr("driver errors: +1 (XID 48: double bit error)"));
}

TEST(StabilityBurn, PowerAndTheFirstThrottleAreOnRecord) {
  DoctoredDevice device;
  device.telemetry = [](int call) {
    Reading reading;
    reading.power_w = 400;
    reading.throttled_by = std::vector<std::string>{};
    if (call >= 2) reading.throttled_by->push_back("power cap");
    return reading;
  };
  const Burnt burnt = burn(device, Fault::none, {{"duration", 0.5}});
  EXPECT_EQ(burnt.check.status, CheckStatus::pass) << "to be held back is no error: " << burnt.check.how;
  EXPECT_EQ(burnt.metrics.at("total_power_highest_w"), 400);
  EXPECT_EQ(burnt.metrics.at("total_power_mean_w"), 400);
  EXPECT_THAT(burnt.path.at("first_throttle"), HasSubstr("power cap; 1 of 1 device in all"));
  EXPECT_GE(burnt.metrics.at("first_throttle_s"), 0.1);
  EXPECT_EQ(burnt.attachment.at("total_power_w").size(), 2u);
}

TEST(StabilityBurn, SaysWhatItCannotDo) {
  const Benchmark& benchmark = find_benchmark("stability/burn");
  EXPECT_TRUE(benchmark.spec.own_start);
  ProcessGroup group;
  Context context{group};
  const auto refused = [&](const Parameters& given) {
    return benchmark.unsupported(complete_parameters(benchmark.spec, given, {}), context);
  };
  EXPECT_EQ(refused({{"n", std::int64_t{64}}}), "");
  EXPECT_THAT(refused({{"n", std::int64_t{72}}}), HasSubstr("multiple of 16"));
  EXPECT_THAT(refused({{"n", std::int64_t{1} << 20}}), HasSubstr("smaller n"));
  EXPECT_THAT(refused({{"n", std::int64_t{64}}, {"memory_fraction", 1e-9}}), HasSubstr("less than 1 MiB"));
  EXPECT_NE(refused({{"dtype", std::string("fp8_e4m3")}}), "") << "the host has no fp8";
}

}  // namespace
}  // namespace assay::bench::stability
