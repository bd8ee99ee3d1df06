#include "reports/record/record.h"

#include <gtest/gtest.h>

#include <unistd.h>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>

#include "reports/record/catalogue.h"
#include "reports/record/record_json.h"
#include "reports/record/request.h"
#include "reports/record/sample_record_testing.h"
#include "reports/record/unit.h"

namespace assay {
namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& failure) {
    return failure.what();
  }
  return "no error";
}

TEST(Unit, ReadsWhatPeopleWrite) {
  EXPECT_DOUBLE_EQ(parse_quantity("700 TFLOP/s").value, 7e14);
  EXPECT_DOUBLE_EQ(parse_quantity("8MiB").value, 8388608);
  EXPECT_DOUBLE_EQ(parse_quantity("2 min").value, 120);
  EXPECT_DOUBLE_EQ(parse_quantity("12 us").value, 12e-6);
  EXPECT_DOUBLE_EQ(parse_quantity("5 %").value, 0.05);
  EXPECT_DOUBLE_EQ(parse_quantity("25 GiB/s").value, 25.0 * 1073741824);
  EXPECT_DOUBLE_EQ(parse_quantity("3 kWh").value, 1.08e7);
  EXPECT_DOUBLE_EQ(parse_quantity("60 tokens/min").value, 1);
  EXPECT_EQ(parse_quantity("1 TOP/s").dimension, parse_quantity("1 TFLOP/s").dimension);
  EXPECT_EQ(parse_quantity("1 W").dimension, parse_quantity("1 J/s").dimension);
  EXPECT_FALSE(parse_quantity("1 GB/s").dimension == parse_quantity("1 GB").dimension);
}

TEST(Unit, RefusesWhatIsNoQuantity) {
  EXPECT_NE(message_of([] {
              parse_quantity("700 TFLOPS");
            }).find("'TFLOPS' is not a unit; did you mean 'TFLOP/s'?"),
            std::string::npos);
  EXPECT_NE(message_of([] { parse_quantity("fast"); }).find("does not begin with a finite number"),
            std::string::npos);
  EXPECT_NE(message_of([] { parse_quantity("nan GB/s"); }).find("finite"), std::string::npos);
  EXPECT_NE(message_of([] { parse_quantity("inf s"); }).find("finite"), std::string::npos);
  EXPECT_NE(message_of([] { parse_quantity("1 KiFLOP"); }).find("not a unit"),
            std::string::npos);  // 1024 is for bytes
}

TEST(Unit, ScalesForPeopleOnly) {
  EXPECT_EQ(format_value(7.0e14, "FLOP/s"), "700.0 TFLOP/s");
  EXPECT_EQ(format_value(0.63e-6, "s"), "630.0 ns");
  EXPECT_EQ(format_value(150, "s"), "150.0 s");
  EXPECT_EQ(format_value(2.5e9, "B/s"), "2.500 GB/s");
  EXPECT_EQ(format_value(0, "s"), "0 s");
  EXPECT_EQ(format_bytes(8), "8 B");
  EXPECT_EQ(format_bytes(1048576), "1 MiB");
  EXPECT_EQ(format_bytes(65537), "65537 B");
  EXPECT_EQ(format_share(0.7031), "70.31 %");
  EXPECT_EQ(format_duration(7500), "2 h 5 min");
}

TEST(Unit, AFailingValueNeverReadsAsItsTarget) {
  EXPECT_EQ(format_distinct(6.99999e14, 7e14, "FLOP/s"), "699.999 TFLOP/s");
  EXPECT_EQ(format_distinct(7e14, 7e14, "FLOP/s"), "700.0 TFLOP/s");
  EXPECT_NE(format_distinct(std::nextafter(7e14, 0), 7e14, "FLOP/s"), format_value(7e14, "FLOP/s"));
}

TEST(Record, ReductionsByHand) {
  EXPECT_EQ(reduce_samples(Reduce::median, {3, 1, 2}), 2);
  EXPECT_EQ(reduce_samples(Reduce::median, {4, 1, 3, 2}), 2.5);
  EXPECT_EQ(reduce_samples(Reduce::p95, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), 10);
  EXPECT_EQ(reduce_samples(Reduce::total, {1, 2}), 3);
  EXPECT_EQ(reduce_samples(Reduce::mean, {1, 2, 6}), 3);
  EXPECT_EQ(reduce_samples(Reduce::p99_9, {1, 2, 3}), 3);
  EXPECT_EQ(reduce_samples(Reduce::max, {0, 0}), 0);
  EXPECT_EQ(reduce_samples(Reduce::median, {}), std::nullopt);
  EXPECT_EQ(reduce_samples(Reduce::min, {1, std::numeric_limits<double>::quiet_NaN()}), std::nullopt);
  EXPECT_EQ(reduce_samples(Reduce::min, {1, -1}), std::nullopt);
}

TEST(Record, FigureIsNumeratorOverReducedSeconds) {
  const Record record = sample_record();
  EXPECT_DOUBLE_EQ(*value_of({"rate", 3.0, "FLOP/s", Better::higher, Reduce::min, {}},
                             [] {
                               DeviceResult device;
                               device.samples_s = {2, 1.5};
                               return device;
                             }()),
                   2.0);
  // Ten operations: the 99th percentile lies in the last bin used, [2^(-148/16), 2^(-147/16)).
  EXPECT_DOUBLE_EQ(*value_of(record.foms[1], record.devices[0]), std::exp2(-147.0 / 16));
}

TEST(Record, AFigureOfAPartReducesItsSeries) {
  DeviceResult device;
  device.samples_s = {1};
  device.series = {{"read", {"s", {2, 4}, std::nullopt}},
                   {"operation", {"s", {}, Histogram{16, -150, {0, 3, 7}}}},
                   {"overlap", {"1", {0, 0}, std::nullopt}},
                   {"idle", {"s", {0}, std::nullopt}}};
  const auto figure = [&](const char* series, std::optional<double> numerator, const char* unit,
                          Reduce reduce) {
    return value_of({"x", numerator, unit, Better::higher, reduce, {}, series}, device);
  };
  EXPECT_EQ(figure("read", 12.0, "B/s", Reduce::median), 4);
  EXPECT_EQ(figure("operation", std::nullopt, "s", Reduce::p99_9), std::exp2(-147.0 / 16));
  EXPECT_EQ(figure("operation", std::nullopt, "s", Reduce::mean), std::nullopt);  // has no samples
  EXPECT_EQ(figure("overlap", std::nullopt, "1", Reduce::median), 0);             // nothing overlapped
  EXPECT_EQ(figure("idle", std::nullopt, "s", Reduce::median), std::nullopt);     // no time is zero
  EXPECT_EQ(figure("idle", 5.0, "B/s", Reduce::median), std::nullopt);            // and no rate infinite
  EXPECT_EQ(figure("write", 5.0, "B/s", Reduce::median), std::nullopt);
}

TEST(RecordJson, ReadsBackWhatItWrote) {
  const std::string line = to_json_line(sample_record());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(to_json_line(parse_record(line, {"r", 1, 0})), line);
}

TEST(RecordJson, RefusesNotANumber) {
  Record record = sample_record();
  record.devices[0].samples_s.push_back(std::numeric_limits<double>::quiet_NaN());
  EXPECT_NE(message_of([&] { to_json_line(record); }).find("may not hold samples_s"), std::string::npos);
  std::string line = to_json_line(sample_record());
  line.replace(line.find("0.0031"), 6, "NaN");
  EXPECT_NE(message_of([&] {
              parse_record(line, {"r.jsonl", 4, 0});
            }).find("r.jsonl:4: this line is not JSON"),
            std::string::npos);
}

TEST(RecordJson, IsStrict) {
  const std::string good = to_json_line(sample_record());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string line = good;
    line.replace(line.find(from), from.size(), to);
    return message_of([&] { parse_record(line, {"r", 1, 0}); });
  };
  EXPECT_NE(with("\"start\":3", "\"start\":\"3\"").find("'start' is not an integer"), std::string::npos);
  EXPECT_NE(with("\"start\":3", "\"start\":3,\"colour\":1").find("unknown key 'colour'"), std::string::npos);
  EXPECT_NE(with("\"start\":3", "\"start\":3,\"start\":3").find("stands twice"), std::string::npos);
  EXPECT_NE(with("\"start\":3,", "").find("'start' is missing"), std::string::npos);
  EXPECT_NE(with("assay.record/1", "assay.record/9").find("schema is 'assay.record/9'"), std::string::npos);
  EXPECT_NE(with("\"status\":\"completed\"", "\"status\":\"fine\"").find("expected one of: completed"),
            std::string::npos);
}

TEST(RecordJson, ACutOffLastLineIsReportedAndABadLineIsNamed) {
  const auto file = std::filesystem::temp_directory_path() / ("assay-records-" + std::to_string(::getpid()));
  const std::string line = to_json_line(sample_record());
  std::size_t seen = 0;
  const auto read = [&](const std::string& content) {
    std::ofstream(file) << content;
    seen = 0;
    return read_records(file, [&](Record&&) { ++seen; });
  };
  EXPECT_FALSE(read(line + "\n" + line + "\n").truncated_last_line);
  EXPECT_EQ(seen, 2U);
  EXPECT_TRUE(read(line + "\n" + line.substr(0, line.size() / 2)).truncated_last_line);
  EXPECT_EQ(seen, 1U);
  EXPECT_NE(message_of([&] { read(line + "\n{\"schema\":\n" + line + "\n"); }).find(":2: "),
            std::string::npos);
  std::filesystem::remove(file);
}

TEST(CaseIdentity, TellsCasesApartAndIgnoresResolvedNodes) {
  CaseIdentity a{"compute/gemm", {{"m", std::int64_t{4}}}, {Placement::fixed, 1, 2, 0}};
  EXPECT_EQ(a.key(), "compute/gemm m=4 @1x2");
  CaseIdentity b = a;
  b.geometry.placement = Placement::all;
  b.geometry.nodes = 100;
  CaseIdentity c = b;
  c.geometry.nodes = 99;
  EXPECT_EQ(b.key(), c.key());
  EXPECT_NE(a.key(), b.key());
}

Catalogue sample_catalogue() {
  Catalogue catalogue;
  catalogue.version = "1";
  BenchmarkSpec gemm;
  gemm.name = "compute/gemm";
  gemm.title = "Matrix product";
  gemm.area = "compute";
  gemm.parameters = {{"dtype",
                      ParameterType::choice,
                      "",
                      std::string("f32"),
                      {"f32", "bf16"},
                      {},
                      {},
                      "type of the elements"},
                     {"m", ParameterType::integer, "", std::int64_t{2048}, {}, 1, 100000, "rows"},
                     {"bytes", ParameterType::bytes, "B", std::int64_t{8}, {}, 8, {}, "size"}};
  gemm.foms = {{"rate", "FLOP/s", Better::higher, "arithmetic rate", {}},
               {"p99", "s", Better::lower, "tail", {{"mode", "latency"}}}};
  catalogue.benchmarks = {gemm};
  return catalogue;
}

TEST(Catalogue, ReadsBackWhatItWrote) {
  const std::string json = to_json(sample_catalogue());
  EXPECT_EQ(to_json(parse_catalogue(json, "c.json")), json);
}

TEST(Catalogue, ChecksParameters) {
  const Catalogue catalogue = sample_catalogue();
  const BenchmarkSpec& gemm = catalogue.benchmarks[0];
  const Parameters complete = complete_parameters(gemm, {{"bytes", std::string("8 MiB")}}, {});
  EXPECT_EQ(std::get<std::int64_t>(complete.at("bytes")), 8388608);
  EXPECT_EQ(to_string(complete.at("dtype")), "f32");
  EXPECT_NE(message_of([&] {
              complete_parameters(gemm, {{"dtpye", std::string("f32")}}, {});
            }).find("did you mean 'dtype'?"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              complete_parameters(gemm, {{"dtype", std::string("bf61")}}, {});
            }).find("did you mean 'bf16'?"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              complete_parameters(gemm, {{"m", std::int64_t{0}}}, {});
            }).find("at least 1"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              complete_parameters(gemm, {{"bytes", std::string("8 s")}}, {});
            }).find("expected a size"),
            std::string::npos);
  EXPECT_EQ(case_label(&gemm, {"compute/gemm", complete, {}}), "compute/gemm dtype=f32 bytes=8MiB");
  ParameterSpec storage;
  storage.name = "storage";
  storage.type = ParameterType::text;
  EXPECT_EQ(to_string(checked_value(storage, std::string_view("scratch"), {})), "scratch");
  EXPECT_NE(message_of([&] { checked_value(storage, ParameterValue(true), {}); }).find("expected a text"),
            std::string::npos);
  EXPECT_THROW(checked_value(storage, std::string_view(), {}), Error);
}

TEST(Request, ReadsBackWhatItWrote) {
  StartRequest request;
  request.start = 4;
  request.seed = 12345678901234567890ULL;
  request.plant = "nan";
  request.storage = {{"scratch", "/lustre/x"}};
  request.cases = {
      {1, {"compute/gemm", {{"m", std::int64_t{5}}, {"x", 0.25}}, {Placement::all, 7, 2, 3}}, 1.5}};
  EXPECT_EQ(to_json(parse_request(to_json(request), "r")), to_json(request));
  EXPECT_EQ(parse_progress(progress_line(3)), 3);
  EXPECT_EQ(parse_progress("{\"schema\":\"assay.record/1\"}"), std::nullopt);
  EXPECT_EQ(parse_progress("{\"schema\":5,\"position\":1}"), std::nullopt);
  EXPECT_EQ(parse_progress("garbage"), std::nullopt);
  EXPECT_EQ(parse_progress("{\"schema\":\"assay.progress/1\",\"position\":1"), std::nullopt);
  EXPECT_EQ(parse_progress("\xff\xfe assay.progress/1 \x00"), std::nullopt);
}

}  // namespace
}  // namespace assay
