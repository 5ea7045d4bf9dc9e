#include <string>

#include "cli/console.hpp"
#include "cli/outcome.hpp"
#include "cli/verb_words.hpp"
#include "cli/verbs.hpp"
#include "cli/write_file.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {

int completion_verb(const CLI::App& app, const std::string& shell) {
    print(trim(completion_for(shell, words_of(app))));
    return exit_ok;
}

int manual_verb(const CLI::App& app, const std::string& folder) {
    for (const auto& page : manual_of(words_of(app), COUNTERSIGN_VERSION)) {
        auto written = write_file(folder + "/" + page.file, page.text);
        if (!written) return failed(written.error());
    }
    return exit_ok;
}

}  // namespace countersign::cli
