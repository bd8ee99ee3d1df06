// render_sample DIRECTORY: writes the sample judgements in every format, and samples of what the other writers
// write, for the tests that look at them from outside (schemas, browser) and for the golden files.
#include <filesystem>
#include <iostream>
#include <string>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/render/render.h"
#include "reports/render/sample_judgement_test.h"

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: render_sample DIRECTORY\n";
    return 3;
  }
  const std::filesystem::path out = argv[1];
  std::filesystem::create_directories(out);
  for (const auto& [name, judgement] : assay::samples::all()) {
    assay::write_file(out / (name + ".html"), assay::render_html(judgement));
    assay::write_file(out / (name + ".txt"), assay::render_text(judgement));
    assay::write_file(out / (name + ".json"), assay::render_json(judgement));
    assay::write_file(out / (name + ".xml"), assay::render_junit(judgement));
    assay::write_file(out / (name + ".md"), assay::render_markdown(judgement));
    assay::write_file(out / (name + ".csv"), assay::render_csv(judgement));
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 4;
}
