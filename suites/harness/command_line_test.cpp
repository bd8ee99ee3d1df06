#include "suites/harness/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/base/error.h"

namespace assay::bench {
namespace {

Benchmark example() {
  BenchmarkSpec spec;
  spec.name = "area/example";
  spec.title = "Example";
  ParameterSpec bytes;
  bytes.name = "bytes";
  bytes.type = ParameterType::bytes;
  bytes.unit = "B";
  bytes.default_value = std::int64_t{8};
  ParameterSpec dtype;
  dtype.name = "dtype";
  dtype.type = ParameterType::choice;
  dtype.default_value = std::string("f32");
  dtype.choices = {"f32", "f64"};
  ParameterSpec in_place;
  in_place.name = "in_place";
  in_place.type = ParameterType::flag;
  in_place.default_value = false;
  spec.parameters = {bytes, dtype, in_place};
  return {spec, nullptr, nullptr};
}

CommandLine parse(const std::vector<std::string>& arguments) {
  static const Benchmark benchmark = example();
  return parse_command_line(arguments, {&benchmark});
}

std::string error_of(const std::vector<std::string>& arguments) {
  try {
    parse(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::bad_input);
    return error.what();
  }
  return "no error";
}

TEST(CommandLine, ListsAreAxesAndTheLastVariesFastest) {
  const CommandLine line = parse({"area/example", "--bytes", "8,1MiB", "--dtype=f64,f32"});
  EXPECT_EQ(line.action, Action::run);
  ASSERT_EQ(line.cases.size(), 4u);
  EXPECT_EQ(to_string(line.cases[0].at("bytes")), "8");
  EXPECT_EQ(to_string(line.cases[0].at("dtype")), "f64");
  EXPECT_EQ(to_string(line.cases[1].at("dtype")), "f32");
  EXPECT_EQ(to_string(line.cases[2].at("bytes")), "1048576");
  EXPECT_EQ(to_string(line.cases[3].at("in_place")), "false");  // defaults are spelled out
  EXPECT_THAT(line.varying, testing::ElementsAre("bytes", "dtype"));
}

TEST(CommandLine, AFlagNeedsNoValueAndDashesServeForUnderscores) {
  const CommandLine line = parse({"area/example", "--in-place", "--time", "250 ms"});
  ASSERT_EQ(line.cases.size(), 1u);
  EXPECT_EQ(to_string(line.cases[0].at("in_place")), "true");
  EXPECT_DOUBLE_EQ(line.time_s, 0.25);
}

TEST(CommandLine, OnlyWhatHasPhasesIsTraced) {
  const Benchmark plain = example();
  Benchmark traced = example();
  traced.spec.name = "area/traced";
  traced.traces = true;
  const auto refusal = [&](const std::vector<std::string>& arguments) {
    try {
      parse_command_line(arguments, {&plain, &traced});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(parse_command_line({"area/traced", "--export-trace", "x.json"}, {&traced}).trace_file, "x.json");
  EXPECT_EQ(refusal({"area/example", "--export-trace", "x.json"}),
            "--export-trace with area/example (it has no phases to show); it is there for area/traced");
  EXPECT_THAT(
      refusal({"area/traced", "--export-trace", "x.json", "--bytes", "8,16"}),
      testing::HasSubstr("with 2 cases (the file would hold only the last one); give one value for bytes"));
  EXPECT_THAT(refusal({"area/traced", "--export-trace"}), testing::HasSubstr("has no value"));
  EXPECT_THAT(refusal({"--list", "--export-trace", "x.json"}), testing::HasSubstr("without a benchmark"));
}

TEST(CommandLine, ReadsTheOtherActions) {
  EXPECT_EQ(parse({}).action, Action::help);
  EXPECT_EQ(parse({"-h"}).action, Action::help);
  EXPECT_EQ(parse({"--list"}).action, Action::list);
  EXPECT_EQ(parse({"--version"}).action, Action::version);
  EXPECT_EQ(parse({"--describe"}).benchmark, "");
  EXPECT_EQ(parse({"--describe", "area/example"}).benchmark, "area/example");
  const CommandLine request = parse({"--request", "in.json", "--results", "out.jsonl"});
  EXPECT_EQ(request.action, Action::request);
  EXPECT_EQ(request.request_file, "in.json");
  EXPECT_EQ(request.results_file, "out.jsonl");
  EXPECT_EQ(parse({"--machine", "m.json"}).machine_file, "m.json");
}

TEST(CommandLine, MisspeltNamesGetTheNearestRightOne) {
  EXPECT_THAT(error_of({"area/exmaple"}), testing::HasSubstr("did you mean 'area/example'"));
  EXPECT_THAT(error_of({"area/example", "--byts", "8"}), testing::HasSubstr("did you mean 'bytes'"));
  EXPECT_THAT(error_of({"area/example", "--dtype", "f23"}), testing::HasSubstr("f32"));
  EXPECT_THAT(error_of({"--describe", "area/exampel"}), testing::HasSubstr("did you mean 'area/example'"));
  EXPECT_THAT(error_of({"area/example", "--plant", "wrong_elment"}), testing::HasSubstr("'wrong_element'"));
}

TEST(CommandLine, SaysWhatIsWrong) {
  EXPECT_THAT(error_of({"area/example", "--bytes"}), testing::HasSubstr("--bytes has no value"));
  EXPECT_THAT(error_of({"area/example", "--bytes", "8,,16"}), testing::HasSubstr("--bytes"));
  EXPECT_THAT(error_of({"area/example", "--bytes", "8", "--bytes", "16"}), testing::HasSubstr("given twice"));
  EXPECT_THAT(error_of({"area/example", "extra"}), testing::HasSubstr("'extra'"));
  EXPECT_THAT(error_of({"area/example", "-x"}), testing::HasSubstr("two dashes"));
  EXPECT_THAT(error_of({"area/example", "--time", "8 MiB"}), testing::HasSubstr("duration"));
  EXPECT_THAT(error_of({"area/example", "--time", "0 s"}), testing::HasSubstr("duration"));
  EXPECT_THAT(error_of({"area/example", "--threads", "0"}), testing::HasSubstr("at least 1"));
  EXPECT_THAT(error_of({"area/example", "--seed", "1x"}), testing::HasSubstr("whole number"));
  EXPECT_THAT(error_of({"--request", "in.json"}), testing::HasSubstr("--results"));
  EXPECT_THAT(error_of({"area/example", "--results", "out.jsonl"}), testing::HasSubstr("--json"));
}

TEST(CommandLine, FlagsOfALibraryReachOnlyTheBenchmarkThatTakesThem) {
  const Benchmark plain = example();
  Benchmark timed = example();
  timed.spec.name = "area/timed";
  timed.library_flags.prefix = "library_";
  const std::vector<const Benchmark*> known = {&plain, &timed};
  const CommandLine line =
      parse_command_line({"area/timed", "--library_filter=a,b.*", "--bytes", "8", "--library_list"}, known);
  EXPECT_THAT(line.library_flags, testing::ElementsAre("--library_filter=a,b.*", "--library_list"));
  EXPECT_EQ(line.cases.size(), 1u);
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"area/example", "--library_filter=a"}, {"--library_filter=a"}}) {
    try {
      parse_command_line(wrong, known);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::bad_input);
      EXPECT_THAT(error.what(), testing::HasSubstr("--library_filter is for area/timed alone"));
    }
  }
  EXPECT_THAT(error_of({"area/example", "--library_filter=a"}), testing::HasSubstr("unknown option"));
}

TEST(CommandLine, NoBenchmarkHasAParameterThatTheProgramTakesItself) {
  for (const Benchmark* benchmark : benchmarks()) {
    for (const ParameterSpec& parameter : benchmark->spec.parameters) {
      for (const char* own : {"time", "threads", "seed", "plant", "json", "request", "results", "machine",
                              "list", "help", "version", "describe"}) {
        EXPECT_NE(parameter.name, own) << benchmark->spec.name;
      }
    }
  }
}

TEST(CommandLine, HelpNamesEveryFault) {
  for (const char* name :
       {"wrong_element", "nan", "silent_rank", "slow_rank", "hang", "crash", "truncated_record", "garbage"}) {
    EXPECT_THAT(help_text(), testing::HasSubstr(name));
  }
}

}  // namespace
}  // namespace assay::bench
