#include <fmt/core.h>

#include "cli/console.hpp"
#include "cli/ground.hpp"
#include "cli/loop.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/network.hpp"
#include "countersign/server/slack_names.hpp"

namespace countersign::cli {
namespace {

// A big workspace is read at Slack's pace: twenty pages of two hundred a minute.
constexpr core::Duration patience = std::chrono::minutes{10};

core::Value document_of(const slack::FoundInSlack& one, bool group) {
    auto made = core::Value::object(
        {{"id", one.id}, {"handle", one.handle}, {"name", one.name}, {"state", one.state}});
    if (group)
        made.set("members", one.members);
    else
        made.set("email", one.email.empty() ? core::Value{} : core::Value{one.email});
    return made;
}

int find(const SlackOptions& options, slack::Sought::What what) {
    log::start(log::Level::off, log::Format::text);  // what the adapter would log is told below
    auto settings = config::load(options.config_file, config::process_environment());
    if (!settings) return failed(settings.error());
    if (settings->slack.bot_token.empty())
        return failed(config::missing("slack.bot_token", "Slack is asked with it"));
    Loop loop;
    auto network = net::make_network(loop.executor(), loop.clock(), loop.timers());
    const server::Ground ground{loop.executor(), loop.clock(), loop.timers(), loop.entropy(), *network};
    auto found =
        loop.finish(server::find_in_slack(*settings, {what, options.text}, ground, loop.within(patience)));
    if (!found) return failed(found.error());
    const bool groups = what == slack::Sought::What::groups;
    if (options.json) {
        auto all = core::Value::array();
        for (const auto& one : *found) all.push(document_of(one, groups));
        print_json(all);
        return found->empty() ? exit_failed : exit_ok;
    }
    if (found->empty()) {
        complain(fmt::format("no {} of this workspace has \"{}\" in its name, handle or id",
                             groups ? "user group" : "user", visible(options.text)));
        return exit_failed;
    }
    std::vector<std::vector<std::string>> table{
        {"ID", "HANDLE", "NAME", groups ? "MEMBERS" : "EMAIL", "STATE"}};
    for (const auto& one : *found)
        table.push_back({visible(one.id), visible(one.handle), visible(one.name),
                         groups ? std::to_string(one.members) : visible(one.email), one.state});
    print_table(table);
    if (found->size() == slack::found_max) note("There are more: say more of the name.");
    return exit_ok;
}

}  // namespace

int slack_users_verb(const SlackOptions& options) {
    return find(options, slack::Sought::What::users);
}

int slack_groups_verb(const SlackOptions& options) {
    return find(options, slack::Sought::What::groups);
}

}  // namespace countersign::cli
