#include "server/chats.hpp"

#include <utility>

namespace countersign::server {
namespace {

slack::SlackSettings slack_settings(const config::Settings& settings) {
    return slack::SlackSettings{
        .app_token = settings.slack.app_token,
        .bot_token = settings.slack.bot_token,
        .api_url = settings.slack.api_url,
        .connections = settings.slack.connections,
        .pace = settings.slack.strict_pace ? slack::SlackSettings::Pace::strict
                                           : slack::SlackSettings::Pace::automatic,
        .channel = settings.slack.channel,
        .link_hosts = settings.link_hosts,
    };
}

}  // namespace

std::vector<std::unique_ptr<app::ConnectedChat>> make_chats(const config::Settings& settings,
                                                            const app::Runtime& runtime,
                                                            app::Conversation::Parts parts,
                                                            net::Dialer& dialer,
                                                            rt::asio::any_io_executor executor) {
    std::vector<std::unique_ptr<app::ConnectedChat>> chats;
    if (!settings.slack.app_token.empty())
        chats.push_back(
            slack::make_slack(slack_settings(settings), runtime, parts, dialer, std::move(executor)));
    return chats;
}

}  // namespace countersign::server
