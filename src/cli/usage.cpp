#include "cli/usage.hpp"

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

std::vector<std::string> verbs_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* verb :
         app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); }))
        names.push_back(verb->get_name());
    return names;
}

std::string no_such_verb(const CLI::App& app, const std::string& called, const std::string& word) {
    auto names = verbs_of(app);
    auto near = nearest(word, names);
    return fmt::format("`{}` has no verb {}{}; see `{} --help`", called, visible(word),
                       near ? fmt::format("; did you mean {}?", *near) : ": it has " + join(names, ", "),
                       called);
}

std::string no_such_option(const CLI::App& app, const std::string& called, const std::string& name) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options())
        for (const std::string& each : option->get_lnames()) names.push_back("--" + each);
    auto near = nearest(name, names);
    return fmt::format("`{}` has no option {}{}; see `{} --help`", called, visible(name),
                       near ? fmt::format("; did you mean {}?", *near) : "", called);
}

// The verb that the words lead to, and how it is called.
struct Reached {
    const CLI::App* app;
    std::string called;
};
Reached reached_by(const CLI::App& app, const std::vector<std::string>& words) {
    Reached reached{&app, app.get_name()};
    for (const std::string& word : words) {
        if (word == "--") break;
        auto named =
            reached.app->get_subcommands([&](const CLI::App* each) { return each->get_name() == word; });
        if (named.empty()) continue;
        reached.app = named.front();
        reached.called += " " + word;
    }
    return reached;
}

}  // namespace

std::string what_is_missing(const CLI::App& app, const std::vector<std::string>& words,
                            const std::string& otherwise) {
    auto [at, called] = reached_by(app, words);
    auto verbs = verbs_of(*at);
    return fmt::format(
        "{}; see `{} --help`",
        verbs.empty() ? otherwise : fmt::format("`{}` needs one of {}", called, join(verbs, ", ")), called);
}

std::string what_is_unknown(const CLI::App& app, const std::vector<std::string>& words) {
    const CLI::App* at = &app;
    std::string called = app.get_name();
    for (const std::string& word : words) {
        if (word == "--") break;
        if (word.size() > 1 && word.starts_with('-')) {
            std::string name = word.substr(0, word.find('='));
            if (at->get_option_no_throw(name) == nullptr) return no_such_option(*at, called, name);
            continue;
        }
        if (verbs_of(*at).empty()) continue;  // a value, or what the verb works on
        auto named = at->get_subcommands([&](const CLI::App* each) { return each->get_name() == word; });
        if (named.empty()) return no_such_verb(*at, called, word);
        at = named.front();
        called += " " + word;
    }
    return {};
}

std::vector<std::string> without_help_verb(std::vector<std::string> words) {
    if (words.empty() || words.front() != "help") return words;
    words.erase(words.begin());
    words.emplace_back("--help");
    return words;
}

}  // namespace countersign::cli
