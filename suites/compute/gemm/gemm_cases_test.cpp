// The load held and the search, as the harness runs them, on the host and on a device that tells what it
// does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <thread>

#include "reports/record/time_course.h"
#include "suites/compute/gemm/gemm_hold.h"
#include "suites/compute/gemm/gemm_product.h"
#include "suites/device/operators.h"
#include "suites/harness/measure.h"

namespace assay::bench {

const Benchmark& compute_gemm();

namespace {

using testing::HasSubstr;

Parameters parameters(double sustain_s, bool search, const std::string& dtype = "f32",
                      const std::string& device = "host") {
  return {{"dtype", dtype},   {"m", std::int64_t{64}}, {"n", std::int64_t{96}}, {"k", std::int64_t{32}},
          {"device", device}, {"sustain", sustain_s},  {"search", search}};
}

/// The host's products, on a device that tells readings: its energy rises by 3 J each time it is asked, and
/// from the sixth time on a power cap holds it back.
class TellingDevice : public device::Device {
 public:
  std::string kind() const override { return "cpu"; }
  std::string name() const override { return "telling"; }
  std::string id() const override { return "T-1"; }
  std::optional<device::Reading> read_conditions() override {
    const int n = asked_++;
    device::Reading reading;
    reading.clock_hz = 2e9;
    reading.power_w = 500;
    reading.temperature_c = 40 + n % 3;
    if (counts_energy) reading.energy_j = 3.0 * n;
    reading.throttled_by.emplace();
    if (n >= 5) reading.throttled_by->emplace_back("power cap");
    return reading;
  }
  std::unique_ptr<device::Buffer> allocate(std::size_t bytes) override { return host_.allocate(bytes); }
  std::optional<std::uint64_t> available_bytes() const override { return host_.available_bytes(); }
  std::unique_ptr<device::Operators> operators(device::Element, int) override { return nullptr; }
  std::string gemm_unsupported(device::Element element) override { return host_.gemm_unsupported(element); }
  std::unique_ptr<device::Gemm> plan_gemm(const device::GemmPlan& plan) override {
    if (plan.m != 64 && only_m_64) throw std::runtime_error("no algorithm");
    return host_.plan_gemm(plan);
  }
  int largest_int8() const override { return host_.largest_int8(); }
  std::optional<device::Ceiling> gemm_ceiling(device::Element, int) override { return std::nullopt; }
  std::map<std::string, std::string> libraries() override { return {}; }
  std::vector<std::string> warnings() override { return {}; }

  bool counts_energy = true, only_m_64 = false;

 private:
  device::Device& host_ = device::host();
  std::atomic<int> asked_{0};
};

/// A case, measured as the harness does it.
struct Measured {
  explicit Measured(std::unique_ptr<Case> made, double time_s = 0.05) : run(std::move(made)) {
    run->prepare();
    SteadyClock clock;
    MeasureSettings settings;
    settings.time_s = time_s;
    const ProcessGroup alone;
    measurement = measure(*run, Scope::device, alone, clock, settings);
    device.series = measurement.series;
    for (const FigureOfMerit& fom : run->figures()) values[fom.name] = value_of(fom, device);
  }
  const std::vector<double>& samples(const std::string& name) { return measurement.series.at(name).samples; }

  std::unique_ptr<Case> run;
  Measurement measurement;
  DeviceResult device;
  std::map<std::string, std::optional<double>> values;
};

class GemmCases : public testing::Test {
 protected:
  Context context(double time_s = 0.05) { return {group_, 1, 42, 4096, Fault::none, time_s}; }
  std::unique_ptr<Case> made(const Parameters& given) { return compute_gemm().make(given, context()); }

 private:
  ProcessGroup group_;
};

TEST_F(GemmCases, TenMinutesAreWhatTheySay) {
  const ParameterSpec* sustain = compute_gemm().spec.find_parameter("sustain");
  ASSERT_NE(sustain, nullptr);
  EXPECT_EQ(std::get<double>(checked_value(*sustain, std::string_view("10min"), {})), 600);
  EXPECT_EQ(std::get<double>(checked_value(*sustain, std::string_view("250 ms"), {})), 0.25);
  EXPECT_THROW(checked_value(*sustain, std::string_view("10 MB"), {}), Error);
  EXPECT_THROW(checked_value(*sustain, std::string_view("-1 s"), {}), Error);
  const FomSpec* sustained = compute_gemm().spec.find_fom("sustained");
  ASSERT_NE(sustained, nullptr);
  EXPECT_TRUE(sustained->given_with(600.0));
  EXPECT_FALSE(sustained->given_with(0.0));
  EXPECT_EQ(sustained->condition(), "sustain above 0");
}

TEST_F(GemmCases, SearchAndSustainAreNotOneCase) {
  EXPECT_THAT(compute_gemm().unsupported(parameters(1, true), context()), HasSubstr("search first"));
}

TEST_F(GemmCases, ALoadThatIsHeldGivesPeakAndSustainedApart) {
  Measured held(made(parameters(0.2, false)));
  EXPECT_EQ(held.measurement.iterations, 1);
  EXPECT_EQ(held.samples("product").size(), 32u);
  EXPECT_LE(held.samples("hold").size(), 64u);
  EXPECT_EQ(held.samples("slowest").size(), 1u);
  for (const char* name : {"rate", "sustained", "sustained_lowest"}) {
    ASSERT_TRUE(held.values.at(name)) << name;
    EXPECT_GT(*held.values.at(name), 0) << name;
  }
  EXPECT_LE(*held.values.at("sustained_lowest"), *held.values.at("sustained"));

  EXPECT_EQ(held.run->check().status, CheckStatus::pass);
  const TimeCourse told = parse_time_course(held.run->attachments().at(0).bytes, "x");
  EXPECT_EQ(told.unit, "FLOP/s");
  ASSERT_EQ(told.devices.size(), 1u);
  const std::vector<CourseWindow>& windows = told.devices[0].windows;
  ASSERT_GE(windows.size(), 2u);
  EXPECT_LE(windows.size(), 120u);
  EXPECT_EQ(held.run->metrics().at("sustain_windows"), static_cast<double>(windows.size()));
  // The figures are those of the windows of the course, which has seven digits.
  std::vector<double> later;
  double lowest = windows[0].value;
  for (const CourseWindow& window : windows) {
    if (window.begin_s >= 0.1) later.push_back(window.value);
    lowest = std::min(lowest, window.value);
  }
  EXPECT_NEAR(lowest / *held.values.at("sustained_lowest"), 1, 1e-6);
  ASSERT_EQ(later.size(), held.samples("sustained").size());
  const double least = *std::min_element(later.begin(), later.end()),
               most = *std::max_element(later.begin(), later.end());
  EXPECT_GE(*held.values.at("sustained"), least * (1 - 1e-6));
  EXPECT_LE(*held.values.at("sustained"), most * (1 + 1e-6));
  EXPECT_GE(windows.back().begin_s + windows.back().length_s, 0.19);

  const auto path = held.run->path();
  EXPECT_THAT(path.at("warm_up"), HasSubstr("settled after"));
  for (const char* key : {"library", "sustained", "first_throttle", "energy"})
    EXPECT_FALSE(path.at(key).empty()) << key;
}

TEST_F(GemmCases, ADeviceThatTellsHasItsConditionsEnergyAndFirstThrottleOnRecord) {
  TellingDevice device;
  Measured held(make_sustained_gemm(parameters(1.2, false), context(), device));
  EXPECT_EQ(held.run->check().status, CheckStatus::pass);
  const TimeCourse course = parse_time_course(held.run->attachments().at(0).bytes, "x");
  const auto& [rank, node, name, id, windows] = course.devices.at(0);
  EXPECT_EQ(name, "telling");
  EXPECT_EQ(id, "T-1");
  int with_clock = 0;
  for (const CourseWindow& window : windows) {
    if (!window.clock_hz) continue;
    ++with_clock;
    EXPECT_EQ(*window.clock_hz, 2e9);
    EXPECT_EQ(*window.power_w, 500);
    EXPECT_GE(*window.temperature_c, 40);
    EXPECT_LE(*window.temperature_c, 42);
  }
  EXPECT_GT(with_clock, 3);
  // Asked ten times a second, the sixth time comes within the load.
  EXPECT_THAT(held.run->path().at("first_throttle"), HasSubstr("rank 0 after "));
  EXPECT_THAT(held.run->path().at("first_throttle"), HasSubstr(": power cap"));
  EXPECT_GT(held.run->metrics().at("sustained_first_throttle_s"), 0);
  EXPECT_EQ(held.run->path().at("energy"), "counted by the device");
  // Joules a product times the products of the later part are what the counter rose by.
  const double joules = held.run->metrics().at("sustained_energy_j");
  EXPECT_EQ(joules, 3 * std::round(joules / 3));
  ASSERT_TRUE(held.values.at("per_joule"));
  const double products = joules / held.samples("joules").at(0);
  EXPECT_NEAR(products, std::round(products), 1e-6 * products);
  EXPECT_NEAR(*held.values.at("per_joule") * joules / products, 2.0 * 64 * 96 * 32, 1e-3);
}

TEST_F(GemmCases, WithoutACounterOfEnergyTheFigureIsAbsentAndSaidOnce) {
  TellingDevice device;
  device.counts_energy = false;
  Measured held(make_sustained_gemm(parameters(0.1, false), context(), device));
  EXPECT_FALSE(held.values.at("per_joule"));
  EXPECT_EQ(held.run->path().at("energy"), "not known: the device tells no counter of energy");
  EXPECT_FALSE(held.run->metrics().contains("sustained_energy_j"));
}

TEST_F(GemmCases, ASearchMeasuresItsBestShapeAndSaysWhatElseItTried) {
  Measured found(made(parameters(0, true)));
  EXPECT_EQ(found.run->check().status, CheckStatus::pass);
  EXPECT_GE(found.samples("product").size(), 17u);
  const auto metrics = found.run->metrics();
  EXPECT_EQ(metrics.at("shapes_tried"), 52);
  const double best = 2 * metrics.at("best_m") * metrics.at("best_n") * metrics.at("best_k");
  EXPECT_EQ(found.run->figures().at(0).numerator, best);
  EXPECT_GT(*found.values.at("rate"), 0);
  EXPECT_LE(metrics.at("runner_up_share"), 1);
  const auto path = found.run->path();
  EXPECT_THAT(path.at("shape"), HasSubstr("(m x n x k), the best of 52 tried"));
  EXPECT_THAT(path.at("runners_up"), HasSubstr(" of the best"));
  EXPECT_FALSE(path.contains("left_out"));
}

TEST_F(GemmCases, ShapesThatTheLibraryRefusesAreLeftOutAndSaid) {
  TellingDevice device;
  device.only_m_64 = true;
  Measured found(make_gemm_search(parameters(0, true), context(), device));
  EXPECT_EQ(found.run->check().status, CheckStatus::pass);
  EXPECT_EQ(found.run->metrics().at("best_m"), 64);
  EXPECT_EQ(found.run->metrics().at("shapes_tried"), 20);  // five of thirteen combinations keep m
  EXPECT_THAT(found.run->path().at("left_out"), HasSubstr("32 shapes, such as: 32 x 96 x 32: no algorithm"));
}

TEST_F(GemmCases, PlantedFaultsFailInBoth) {
  const struct {
    double sustain_s;
    bool search;
    const char* dtype;
  } kinds[] = {{0.03, false, "f32"}, {0.03, false, "int8"}, {0, true, "f32"}};
  for (const auto& [sustain_s, search, dtype] : kinds) {
    Measured measured(made(parameters(sustain_s, search, dtype)), 0.02);
    EXPECT_EQ(measured.run->check().status, CheckStatus::pass) << dtype << " search " << search;
    for (const Fault fault : {Fault::wrong_element, Fault::nan}) {
      measured.run->plant(fault);
      EXPECT_EQ(measured.run->check().status, CheckStatus::fail) << dtype << " search " << search;
    }
    measured.run->poison();  // what was never computed
    EXPECT_EQ(measured.run->check().status, CheckStatus::fail) << dtype << " search " << search;
  }
}

}  // namespace
}  // namespace assay::bench
