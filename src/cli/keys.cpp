#include <fmt/core.h>

#include "cli/console.hpp"
#include "cli/home.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/server/keys.hpp"

namespace countersign::cli {

int keys_create_verb(const KeysOptions& options) {
    auto settings = config::load(options.config_file, config::process_environment());
    if (!settings) return failed(settings.error());
    auto entropy = rt::system_entropy();
    auto files = server::create_keys(*settings, home_folder(), *entropy);
    if (!files) return failed(files.error());
    core::Value all = core::Value::array();
    for (const auto& file : *files)
        all.push(core::Value::object({{"name", file.name}, {"path", file.path}, {"made", file.made}}));
    if (options.json) {
        print_json(all);
        return exit_ok;
    }
    std::vector<std::vector<std::string>> rows{{"KEY", "", "FILE"}};
    for (const auto& file : *files)
        rows.push_back({file.name, file.made ? "made" : "there already", visible(file.path)});
    print_table(rows);
    return exit_ok;
}

}  // namespace countersign::cli
