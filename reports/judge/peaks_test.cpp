#include "reports/judge/peaks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/base/error.h"
#include "reports/base/files.h"

namespace assay {
namespace {

using testing::HasSubstr;

TEST(Peaks, TheShippedTableIsDenseAndSaysWhatIsUnverified) {
  const std::string file = ASSAY_SOURCE_DIR "/reference_results/peaks/gpus.toml";
  const Peaks peaks = parse_peaks(read_file(file), file);
  EXPECT_EQ(peaks.size(), 21U);
  const Peak h100 = peaks.at("NVIDIA H100 80GB HBM3").at("bf16");
  EXPECT_DOUBLE_EQ(h100.value, 989e12);  // 1979 would be the sparse figure
  EXPECT_EQ(h100.basis, PeakBasis::theoretical);
  EXPECT_THAT(h100.source, HasSubstr("datasheet"));
  EXPECT_THAT(h100.source, testing::Not(HasSubstr("unverified")));
  EXPECT_THAT(peaks.at("NVIDIA H200").at("f64").source, HasSubstr("(unverified)"));
  EXPECT_DOUBLE_EQ(peaks.at("NVIDIA H200").at("memory").value, 4.8e12);
  EXPECT_DOUBLE_EQ(peaks.at("AMD Instinct MI300X").at("fp8").value, 2614.9e12);
  // The products that the data sheets' figures come from.
  EXPECT_NEAR(1830e6 * 512 * 2 * 528, h100.value, 0.5e12);
  EXPECT_NEAR(2100e6 * 256 * 2 * 1216, peaks.at("AMD Instinct MI300X").at("bf16").value, 0.1e12);
  EXPECT_NEAR(2100e6 * 256 * 2 * 912, peaks.at("AMD Instinct MI300A").at("bf16").value, 0.2e12);
  EXPECT_NEAR(2400e6 * 4096 * 256, peaks.at("AMD Instinct MI355X").at("bf16").value, 0.1e12);
}

TEST(Peaks, TheShippedFiguresFitEachOther) {
  const std::string file = ASSAY_SOURCE_DIR "/reference_results/peaks/gpus.toml";
  for (const auto& [name, figures] : parse_peaks(read_file(file), file)) {
    const auto value = [&, &figures = figures](const char* figure) {
      const auto found = figures.find(figure);
      return found == figures.end() ? 0 : found->second.value;
    };
    for (const char* figure : {"f64", "f64_matrix", "f32", "bf16", "f16", "int8", "memory"})
      EXPECT_GT(value(figure), 0) << name << " " << figure;
    // One slip to the sparse figure of one type would show in the ratio of two.
    EXPECT_EQ(value("f16"), value("bf16")) << name;
    if (value("fp8") > 0) {
      EXPECT_NEAR(value("fp8") / value("bf16"), 2, 0.01) << name;
    }
    if (value("fp8") > 0) {
      EXPECT_NEAR(value("int8") / value("fp8"), 1, 0.01) << name;
    }
    if (value("tf32") > 0) {
      EXPECT_NEAR(value("bf16") / value("tf32"), 2, 0.01) << name;
    }
    EXPECT_GE(value("f64_matrix"), value("f64")) << name;
    EXPECT_GT(value("memory"), 1e12) << name;
    EXPECT_LE(value("memory"), 8e12) << name;
  }
}

std::string message(const std::string& device) {
  try {
    parse_peaks("schema = \"assay.peaks/1\"\n[[device]]\n" + device, "p.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Peaks, WrongFiguresAreRefusedWithTheirPlace) {
  EXPECT_THAT(message("names = [\"A\"]\nsource = \"s\"\nbf16 = \"2 TB/s\"\n"), HasSubstr("p.toml:5"));
  EXPECT_THAT(message("names = [\"A\"]\nsource = \"s\"\nbf16 = \"-2 TFLOP/s\"\n"), HasSubstr("p.toml:5"));
  EXPECT_THAT(message("names = [\"A\"]\nsource = \"s\"\nbf61 = \"2 TFLOP/s\"\n"), HasSubstr("bf61"));
  EXPECT_THAT(message("names = [\"A\"]\nbf16 = \"2 TFLOP/s\"\n"), HasSubstr("source"));
  EXPECT_THAT(message("source = \"s\"\nbf16 = \"2 TFLOP/s\"\n"), HasSubstr("names"));
  EXPECT_THAT(message("names = [\"A\", \"A\"]\nsource = \"s\"\nbf16 = \"2 TFLOP/s\"\n"), HasSubstr("twice"));
  EXPECT_THAT(message("names = [\"A\"]\nsource = \"s\"\nbf16 = \"2 TFLOP/s\"\nunverified = [\"f64\"]\n"),
              HasSubstr("no figure"));
}

}  // namespace
}  // namespace assay
