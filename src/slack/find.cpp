#include <algorithm>
#include <utility>

#include "countersign/adapters/slack.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/wire/slack_payload.hpp"
#include "slack/api_errors.hpp"
#include "slack/web_api.hpp"

// Ids of users and user groups by what people call them: policies name ids.
namespace countersign::slack {
namespace {

using core::Value;

constexpr int users_a_page = 200;  // as many as Slack recommends at most

// What is compared with the text that is sought: names in any letter case, without a leading '@'.
bool is_meant(const FoundInSlack& one, std::string_view wanted) {
    auto holds = [&](std::string_view text) { return lower_ascii(text).find(wanted) != std::string::npos; };
    return wanted.empty() || holds(one.id) || holds(one.handle) || holds(one.name) || holds(one.email);
}

FoundInSlack user_of(const Value& user, const wire::SlackHome& home) {
    const auto known = wire::read_slack_user(user, home, core::Instant{});
    return {.id = std::string(user["id"].text()),
            .handle = std::string(user["name"].text()),
            .name = std::string(user["profile"]["real_name"].text(user["real_name"].text())),
            .email = std::string(user["profile"]["email"].text()),
            .state = std::string(core::name_of(known.klass))};
}

FoundInSlack group_of(const Value& group) {
    const bool enabled = group["date_delete"].whole() == 0 && !group["is_external"].truth();
    return {.id = std::string(group["id"].text()),
            .handle = std::string(group["handle"].text()),
            .name = std::string(group["name"].text()),
            .email = {},
            .state = enabled                        ? "enabled"
                     : group["is_external"].truth() ? "external"
                                                    : "disabled",
            .members = group["user_count"].whole()};
}

}  // namespace

Later<std::vector<FoundInSlack>> find_in_slack(SlackSettings settings, Sought sought,
                                               const app::Runtime& runtime, const Reach& reach,
                                               Deadline deadline) {
    auto client = net::make_http_client(reach.dialer, runtime.clock, runtime.timers, reach.executor);
    Workbench workbench(reach.executor, {.threads = 1, .background = 1, .queue_max = 64},
                        [] { return std::make_unique<Bench>(); });
    WebApi api{settings, *client, runtime.clock, runtime.timers, runtime.entropy, workbench};
    auto refused = [](const Failure& failure) -> std::unexpected<Failure> {
        auto what = failure.trouble == Trouble::unauthenticated ? advice("slack.bot_token", failure.code, "")
                                                                : std::string{};
        return fail(failure.trouble, what.empty() ? failure.detail : what, failure.code);
    };
    auto who = co_await api.call(Method::auth_test, Value::object(), {}, deadline);
    if (!who) co_return refused(who.error());
    const auto home = wire::read_slack_home(*who);
    auto wanted = lower_ascii(trim(sought.text));
    if (wanted.starts_with('@')) wanted.erase(0, 1);

    std::vector<FoundInSlack> found;
    auto add = [&](FoundInSlack one) {
        if (is_meant(one, wanted) && found.size() < found_max) found.push_back(std::move(one));
    };
    if (sought.what == Sought::What::groups) {
        auto arguments = Value::object({{"include_disabled", true}, {"include_count", true}});
        auto answer = co_await api.call(Method::usergroups, std::move(arguments), {}, deadline);
        if (!answer) co_return refused(answer.error());
        if (const auto* items = (*answer)["usergroups"].items())
            for (const Value& group : *items) add(group_of(group));
        co_return found;
    }
    std::string cursor;
    do {
        auto arguments = Value::object({{"limit", users_a_page}});
        if (!cursor.empty()) arguments.set("cursor", cursor);
        auto answer = co_await api.call(Method::users_list, std::move(arguments), {}, deadline);
        if (!answer) co_return refused(answer.error());
        if (const auto* items = (*answer)["members"].items())
            for (const Value& user : *items) add(user_of(user, home));
        cursor = (*answer)["response_metadata"]["next_cursor"].text();
    } while (!cursor.empty() && found.size() < found_max);
    co_return found;
}

}  // namespace countersign::slack
