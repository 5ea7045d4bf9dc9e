#include <gtest/gtest.h>

#include "sandbox/sandbox_world.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using test::Bot;
using test::Reply;
using test::SandboxWorld;
using test::Value;

std::string error_of(const Reply& reply) {
    return std::string(reply.body["error"].text());
}

Value view(std::string_view title = "Deny") {
    auto plain = [](std::string_view text) {
        return Value::object({{"type", "plain_text"}, {"text", text}});
    };
    Value element = Value::object(
        {{"type", "plain_text_input"}, {"action_id", "text"}, {"min_length", 3}, {"multiline", true}});
    Value input = Value::object({{"type", "input"},
                                 {"block_id", "reason"},
                                 {"label", plain("Reason")},
                                 {"element", std::move(element)}});
    return Value::object({{"type", "modal"},
                          {"callback_id", "deny"},
                          {"title", plain(title)},
                          {"submit", plain("Send")},
                          {"blocks", SandboxWorld::list({std::move(input)})}});
}

// Sets up a workspace where amy has just clicked, with a fresh trigger and response_url.
struct Clicked : SandboxWorld {
    Bot& bot = connect();
    std::string ts = post();
    std::string trigger;
    std::string response_target;
    Clicked() { click(); }
    void click() {
        control("click", click_order(ts));
        const Value& payload = bot.envelopes.back()["payload"];
        trigger = payload["trigger_id"].text();
        response_target = payload["response_url"].text().substr(std::string_view("http://server").size());
    }
    Reply open() { return call("views.open", Value::object({{"trigger_id", trigger}, {"view", view()}})); }
    Reply respond(const Value& body) { return finish(begin(json_request(body), response_target)); }
};

TEST(Messages, PostingResolvesTheNameAndGivesATimestamp) {
    SandboxWorld world;
    auto reply =
        world.call("chat.postMessage", Value::object({{"channel", "#approvals"}, {"text", "a < b & c"}}));
    EXPECT_EQ(reply.body["channel"].text(), "C0APPROVALS");
    EXPECT_EQ(reply.body["ts"].text().size(), 17U);
    EXPECT_EQ(reply.body["message"]["text"].text(), "a &lt; b &amp; c");
}

TEST(Messages, RefusalsAreWordedAsSlackWordsThem) {
    SandboxWorld world;
    auto post = [&](Value args) { return error_of(world.call("chat.postMessage", std::move(args))); };
    EXPECT_EQ(post(Value::object({{"channel", "C0NONE"}, {"text", "x"}})), "channel_not_found");
    EXPECT_EQ(post(Value::object({{"channel", "C0GENERAL"}, {"text", "x"}})), "not_in_channel");
    EXPECT_EQ(post(Value::object({{"channel", "C0APPROVALS"}})), "no_text");
    EXPECT_EQ(post(Value::object({{"channel", "C0APPROVALS"}, {"text", "x"}, {"blocks", "["}})),
              "invalid_blocks_format");
    EXPECT_EQ(post(Value::object({{"channel", "C0APPROVALS"}, {"text", "x"}, {"metadata", 1}})),
              "invalid_metadata_format");
    world.control("channels", Value::object({{"id", "C0PROD"}, {"is_archived", true}}));
    EXPECT_EQ(post(Value::object({{"channel", "C0PROD"}, {"text", "x"}})), "is_archived");
    EXPECT_EQ(error_of(world.call("chat.update",
                                  Value::object({{"channel", "C0APPROVALS"}, {"ts", "1.2"}, {"text", "x"}}))),
              "message_not_found");
    EXPECT_EQ(error_of(world.call("no.such", Value::object())), "unknown_method");
}

TEST(Messages, TextAloneTakesTheBlocksAwayAndMetadataStays) {
    SandboxWorld world;
    Value metadata =
        Value::object({{"event_type", "card"}, {"event_payload", Value::object({{"request_id", "r1"}})}});
    auto posted = world.call("chat.postMessage", Value::object({{"channel", "C0APPROVALS"},
                                                                {"text", "x"},
                                                                {"blocks", SandboxWorld::card()},
                                                                {"metadata", metadata}}));
    Value target = Value::object({{"channel", "C0APPROVALS"}, {"ts", posted.body["ts"]}});
    Value only_text = target;
    auto updated = world.call("chat.update", only_text.set("text", "done"));
    EXPECT_TRUE(updated.body["message"]["blocks"].is_null());
    EXPECT_EQ(updated.body["message"]["metadata"], metadata);
    Value cleared = target;
    cleared.set("text", "done").set("metadata", Value::object());
    EXPECT_TRUE(world.call("chat.update", cleared).body["message"]["metadata"].is_null());
}

TEST(Messages, HistoryShowsMetadataOnlyWhenAsked) {
    SandboxWorld world;
    Value metadata =
        Value::object({{"event_type", "card"}, {"event_payload", Value::object({{"request_id", "r1"}})}});
    world.call("chat.postMessage",
               Value::object({{"channel", "C0APPROVALS"}, {"text", "x"}, {"metadata", metadata}}));
    auto plain = world.call("conversations.history", Value::object({{"channel", "C0APPROVALS"}}));
    EXPECT_TRUE(plain.body["messages"][0]["metadata"]["event_payload"].is_null());
    auto full = world.call("conversations.history",
                           Value::object({{"channel", "C0APPROVALS"}, {"include_all_metadata", true}}));
    EXPECT_EQ(full.body["messages"][0]["metadata"], metadata);
}

TEST(Messages, RepliesShowTheirMetadataWhenAsked) {
    SandboxWorld world;
    auto root = world.call("chat.postMessage", Value::object({{"channel", "C0APPROVALS"}, {"text", "x"}}));
    Value metadata =
        Value::object({{"event_type", "line"}, {"event_payload", Value::object({{"entry", 3}})}});
    world.call("chat.postMessage", Value::object({{"channel", "C0APPROVALS"},
                                                  {"text", "y"},
                                                  {"thread_ts", root.body["ts"]},
                                                  {"metadata", metadata}}));
    auto replies = [&](std::string_view more) {
        return world.form("conversations.replies",
                          fmt::format("channel=C0APPROVALS&ts={}{}", root.body["ts"].text(), more));
    };
    EXPECT_TRUE(replies("").body["messages"][1]["metadata"]["event_payload"].is_null());
    EXPECT_EQ(replies("&include_all_metadata=true").body["messages"][1]["metadata"], metadata);
}

TEST(Calling, JsonToAFormOnlyMethodIsNotRead) {
    SandboxWorld world;
    EXPECT_EQ(error_of(world.call("users.info", Value::object({{"user", "U0AMY"}}))), "user_not_found");
    EXPECT_EQ(world.form("users.info", "user=U0AMY").body["user"]["profile"]["email"].text(),
              "amy@sim.example");
}

TEST(Calling, AMissingScopeIsNamed) {
    SandboxWorld world;
    world.control("scopes", Value::object({{"scopes", SandboxWorld::list({"users:read"})}}));
    auto reply = world.call("chat.postMessage", Value::object({{"channel", "C0APPROVALS"}, {"text", "x"}}));
    EXPECT_EQ(error_of(reply), "missing_scope");
    EXPECT_EQ(reply.body["needed"].text(), "chat:write");
    EXPECT_EQ(reply.fields.find("X-OAuth-Scopes"), "users:read");
    EXPECT_TRUE(world.form("users.info", "user=U0AMY").body["user"]["profile"]["email"].is_null());
}

TEST(Calling, PagesFollowTheCursor) {
    SandboxWorld world;
    auto first = world.form("conversations.members", "channel=C0APPROVALS&limit=4");
    EXPECT_EQ(first.body["members"].items()->size(), 4U);
    std::string cursor{first.body["response_metadata"]["next_cursor"].text()};
    auto rest = world.form("conversations.members",
                           "channel=C0APPROVALS&limit=4&cursor=" + net::percent_encode(cursor));
    EXPECT_EQ(rest.body["members"].items()->size(), 3U);
    EXPECT_EQ(rest.body["response_metadata"]["next_cursor"].text(), "");
    EXPECT_EQ(error_of(world.form("conversations.members", "channel=C0APPROVALS&cursor=zzz")),
              "invalid_cursor");
}

TEST(People, GuestsStrangersAndTheDepartedLookLikeThemselves) {
    SandboxWorld world;
    auto info = [&](const std::string& id) { return world.form("users.info", "user=" + id).body["user"]; };
    EXPECT_TRUE(info("U0GUEST")["is_restricted"].truth());
    EXPECT_EQ(info("U0STRANGER")["team_id"].text(), "T0OTHER");
    EXPECT_FALSE(info("U0STRANGER")["is_stranger"].truth());
    EXPECT_TRUE(info("U0GONE")["deleted"].truth());
    EXPECT_TRUE(info("U0GONE")["is_restricted"].is_null());
    EXPECT_FALSE(info("USLACKBOT")["is_bot"].truth(true));
    EXPECT_TRUE(info("U0BOT")["is_bot"].truth());
    EXPECT_EQ(error_of(world.form("users.lookupByEmail", "email=gone@sim.example")), "users_not_found");
}

TEST(People, ADisabledGroupHasNoUsers) {
    SandboxWorld world;
    EXPECT_EQ(world.form("usergroups.users.list", "usergroup=S0SEC").body["users"],
              SandboxWorld::list({"U0AMY", "U0BEN"}));
    world.control("groups", Value::object({{"id", "S0SEC"}, {"disabled", true}}));
    EXPECT_EQ(error_of(world.form("usergroups.users.list", "usergroup=S0SEC")), "no_such_subteam");
    auto all = world.form("usergroups.list", "include_disabled=true");
    EXPECT_NE(all.body["usergroups"][0]["date_delete"].whole(), 0);
    EXPECT_NE(all.body["usergroups"][0]["user_count"].number(), nullptr);
}

TEST(Limits, ACallTooManyIsToldWhenToComeBackAndOthersGoOn) {
    SandboxWorld world;
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(world.form("usergroups.list", "").body["ok"].truth());
    auto refused = world.form("usergroups.list", "");
    EXPECT_EQ(refused.status, 429U);
    EXPECT_EQ(error_of(refused), "ratelimited");
    EXPECT_EQ(refused.fields.find("Retry-After"), "3");
    EXPECT_TRUE(world.form("users.list", "").body["ok"].truth());
    world.pass(3s);
    EXPECT_TRUE(world.form("usergroups.list", "").body["ok"].truth());
}

TEST(Limits, AChannelTakesAMessageASecondAfterABurst) {
    SandboxWorld world;
    auto post = [&](std::string_view channel) {
        return world.call("chat.postMessage", Value::object({{"channel", channel}, {"text", "x"}})).status;
    };
    for (int i = 0; i < 5; ++i) ASSERT_EQ(post("C0APPROVALS"), 200U);
    EXPECT_EQ(post("C0APPROVALS"), 429U);
    EXPECT_EQ(post("C0PROD"), 200U);
    world.pass(1s);
    EXPECT_EQ(post("C0APPROVALS"), 200U);
    world.control("limits", Value::object({{"limits", "off"}}));
    for (int i = 0; i < 50; ++i) ASSERT_EQ(post("C0APPROVALS"), 200U);
}

TEST(Faults, TheAmbiguousOneDoesTheWorkAndCutsTheConnection) {
    SandboxWorld world;
    world.control("faults", Value::object({{"method", "chat.postMessage"}, {"work", true}, {"drop", true}}));
    auto cut = world.call("chat.postMessage", Value::object({{"channel", "C0APPROVALS"}, {"text", "once"}}));
    EXPECT_TRUE(cut.cut);
    EXPECT_EQ(world.look("messages?channel=C0APPROVALS")["messages"].items()->size(), 1U);
}

TEST(Faults, WorkIsDoneTwiceOrLongAfterTheConnectionWasCut) {
    SandboxWorld world;
    auto messages = [&] { return world.look("messages?channel=C0APPROVALS")["messages"].items()->size(); };
    auto post = [&] {
        return world.call("chat.postMessage", Value::object({{"channel", "C0APPROVALS"}, {"text", "x"}}));
    };
    world.control("faults", Value::object({{"method", "chat.postMessage"}, {"twice", true}}));
    EXPECT_EQ(post().status, 200U);
    EXPECT_EQ(messages(), 2U);
    world.control("faults",
                  Value::object({{"method", "chat.postMessage"}, {"drop", true}, {"late_ms", 5'000}}));
    EXPECT_TRUE(post().cut);
    world.pass(4s);
    EXPECT_EQ(messages(), 2U);
    world.pass(2s);
    EXPECT_EQ(messages(), 3U);
}

TEST(Faults, AMethodFailsAsOftenAsAsked) {
    SandboxWorld world;
    world.control("faults", Value::object({{"method", "auth.test"}, {"times", 2}, {"retry_after", 7}}));
    world.control("faults",
                  Value::object({{"method", "auth.test"}, {"http_status", 503}, {"body", "<html>"}}));
    for (int i = 0; i < 2; ++i) {
        auto limited = world.call("auth.test", Value::object());
        EXPECT_EQ(limited.status, 429U);
        EXPECT_EQ(limited.fields.find("Retry-After"), "7");
    }
    auto broken = world.call("auth.test", Value::object());
    EXPECT_EQ(broken.status, 503U);
    EXPECT_EQ(broken.text, "<html>");
    EXPECT_EQ(world.call("auth.test", Value::object()).body["team_id"].text(), "T0SIM");
}

TEST(Views, ATriggerOpensOnceAndForThreeSeconds) {
    Clicked world;
    EXPECT_TRUE(world.open().body["ok"].truth());
    EXPECT_EQ(error_of(world.open()), "exchanged_trigger_id");
    world.click();
    world.pass(3100ms);
    EXPECT_EQ(error_of(world.open()), "expired_trigger_id");
    world.trigger = "1.2.3";
    EXPECT_EQ(error_of(world.open()), "invalid_trigger_id");
}

TEST(Views, AnOldHashCannotOverwriteANewerView) {
    Clicked world;
    auto opened = world.open();
    Value update = Value::object({{"view_id", opened.body["view"]["id"]},
                                  {"hash", opened.body["view"]["hash"]},
                                  {"view", view("Again")}});
    EXPECT_TRUE(world.call("views.update", update).body["ok"].truth());
    EXPECT_EQ(error_of(world.call("views.update", update)), "hash_conflict");
}

TEST(Views, ASubmissionCarriesTheInputAndShowsTheErrorsOfTheAck) {
    Clicked world;
    world.open();
    Value answer =
        Value::object({{"response_action", "errors"}, {"errors", Value::object({{"reason", "say more"}})}});
    world.bot.answer = [&](const Value&) { return std::optional{answer}; };
    Value order = Value::object({{"user", "U0AMY"}, {"values", Value::object({{"reason", "because"}})}});
    Value first = world.control("submit_view", order);
    EXPECT_EQ(first["errors"]["reason"].text(), "say more");
    const Value& payload = world.bot.envelopes.back()["payload"];
    EXPECT_EQ(payload["view"]["state"]["values"]["reason"]["text"]["value"].text(), "because");
    EXPECT_TRUE(world.bot.envelopes.back()["accepts_response_payload"].truth());
    answer =
        Value::object({{"response_action", "errors"}, {"errors", Value::object({{"text", "an action_id"}})}});
    EXPECT_EQ(world.control("submit_view", order)["error"].text(), "invalid_ack");
    answer = Value::object();
    EXPECT_TRUE(world.control("submit_view", order)["closed"].truth());
    EXPECT_TRUE(world.look("views?user=U0AMY")["views"].items()->empty());
}

TEST(Views, TheClientItselfRefusesAnEmptyRequiredInput) {
    Clicked world;
    world.open();
    auto before = world.bot.envelopes.size();
    Value refused = world.control("submit_view", Value::object({{"user", "U0AMY"}}));
    EXPECT_EQ(refused["error"].text(), "invalid_input");
    EXPECT_EQ(world.bot.envelopes.size(), before);
}

TEST(ResponseUrls, FiveUsesWithinThirtyMinutes) {
    Clicked world;
    world.control("limits", Value::object({{"limits", "off"}}));
    Value word = Value::object({{"text", "recorded"}, {"replace_original", false}});
    for (int i = 0; i < 5; ++i) ASSERT_EQ(world.respond(word).status, 200U);
    auto sixth = world.respond(word);
    EXPECT_EQ(sixth.status, 404U);
    EXPECT_EQ(error_of(sixth), "used_url");
    EXPECT_EQ(world.look("ephemerals?user=U0AMY")["ephemerals"].items()->size(), 5U);
    world.click();
    world.pass(30min + 1s);
    EXPECT_EQ(error_of(world.respond(word)), "expired_url");
}

TEST(Commands, TheAckIsShownToTheCallerAlone) {
    Clicked world;
    world.bot.answer = [](const Value&) { return std::optional{Value::object({{"text", "nothing waits"}})}; };
    Value order = Value::object({{"user", "U0CAT"}, {"channel", "C0GENERAL"}, {"text", "list <x>"}});
    EXPECT_EQ(world.control("command", order)["answer"]["text"].text(), "nothing waits");
    const Value& payload = world.bot.envelopes.back()["payload"];
    EXPECT_EQ(payload["command"].text(), "/approvals");
    EXPECT_EQ(payload["text"].text(), "list &lt;x&gt;");
    EXPECT_EQ(payload["is_enterprise_install"].text(), "false");
    EXPECT_EQ(world.look("ephemerals?user=U0CAT")["ephemerals"].items()->size(), 1U);
    EXPECT_TRUE(world.look("messages?channel=C0GENERAL")["messages"].items()->empty());
}

TEST(Commands, PeopleOfOtherWorkspacesHaveNone) {
    Clicked world;
    Value order = Value::object({{"user", "U0STRANGER"}, {"channel", "C0PARTNERS"}, {"text", "list"}});
    EXPECT_EQ(world.control("command", order)["error"].text(), "not_allowed");
}

TEST(Control, PagesOfOtherSitesCannotClick) {
    SandboxWorld world;
    auto send = [&](std::string_view name, std::string value) {
        auto request = SandboxWorld::json_request(Value::object({{"limits", "off"}}));
        request.fields.add(std::string(name), std::move(value));
        return world.finish(world.begin(std::move(request), "/control/limits")).status;
    };
    EXPECT_EQ(send("Origin", "http://evil.example"), 403U);
    EXPECT_EQ(send("Origin", "http://server"), 200U);
    net::HttpRequest plain;
    plain.method = "POST";
    plain.fields.add("Content-Type", "text/plain");
    plain.body = R"({"limits":"off"})";
    EXPECT_EQ(world.finish(world.begin(std::move(plain), "/control/limits")).status, 415U);
    std::string rebound;
    world.spawn(world.talk_to_server(
        "GET /control/state HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", rebound));
    EXPECT_TRUE(world.until([&] { return !rebound.empty(); }));
    EXPECT_TRUE(rebound.starts_with("HTTP/1.1 403")) << rebound;
}

TEST(Control, PagesOfOtherSitesReachNothingElseEither) {
    SandboxWorld world;
    auto status_of = [&](const std::string& target, const std::string& header) {
        std::string answer;
        world.spawn(world.talk_to_server("POST " + target + " HTTP/1.1\r\n" + header +
                                             "\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
                                             "Connection: close\r\n\r\n",
                                         answer));
        EXPECT_TRUE(world.until([&] { return !answer.empty(); }));
        return answer.substr(9, 3);
    };
    const std::string forged = "token=" + std::string{SandboxWorld::bot_token};
    for (const auto& target : {"/api/chat.postMessage?" + forged, "/api/apps.connections.open?" + forged,
                               std::string{"/link/?ticket=x"}, std::string{"/actions/x"}, std::string{"/"}}) {
        EXPECT_EQ(status_of(target, "Host: server\r\nOrigin: http://evil.example"), "403") << target;
        EXPECT_EQ(status_of(target, "Host: server\r\nOrigin: null"), "403") << target;
        EXPECT_EQ(status_of(target, "Host: evil.example"), "403") << target;
        EXPECT_EQ(status_of(target, "Host: 127.0.0.1.evil.example"), "403") << target;
    }
    EXPECT_EQ(status_of("/api/api.test", "Host: server"), "200");
    EXPECT_EQ(status_of("/api/api.test", "Host: 192.0.2.7:8490"), "200");
    EXPECT_NE(status_of("/link/?ticket=x", "Host: server\r\nOrigin: https://api.slack.com"), "403");
}

TEST(Control, PagesOfOtherSitesReachNothingOfTeamsEither) {
    SandboxWorld world{true};
    auto status_of = [&](const std::string& target, const std::string& header) {
        std::string answer;
        world.spawn(world.talk_to_server("POST " + target + " HTTP/1.1\r\n" + header +
                                             "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                                             "Connection: close\r\n\r\n{}",
                                         answer));
        EXPECT_TRUE(world.until([&] { return !answer.empty(); }));
        return answer.substr(9, 3);
    };
    for (const std::string target :
         {"/teams/login/botframework.com/oauth2/v2.0/token", "/teams/connector/v3/conversations",
          "/teams/v1/.well-known/openidconfiguration", "/control/teams/press", "/control/teams/send"}) {
        EXPECT_EQ(status_of(target, "Host: server\r\nOrigin: http://server"), "403") << target;
        EXPECT_EQ(status_of(target, "Host: 127.0.0.1\r\nOrigin: http://evil.example"), "403") << target;
        EXPECT_EQ(status_of(target, "Host: 127.0.0.1\r\nOrigin: null"), "403") << target;
        EXPECT_EQ(status_of(target, "Host: evil.example"), "403") << target;
        EXPECT_NE(status_of(target, "Host: 127.0.0.1"), "403") << target;
    }
}

TEST(Control, ABotWithoutAPasswordIsLetIntoTeamsByNone) {
    SandboxWorld world{true, ""};
    auto signs_in = [](SandboxWorld& at, std::string_view secret) {
        net::HttpRequest request;
        request.method = "POST";
        request.fields.add("Content-Type", "application/x-www-form-urlencoded");
        request.body = fmt::format("client_id={}&client_secret={}&scope={}",
                                   sandbox::teams_of("http://127.0.0.1").app_id, secret,
                                   net::percent_encode("https://api.botframework.com/.default"));
        return at.finish(at.begin(std::move(request), "/teams/login/botframework.com/oauth2/v2.0/token"))
            .status;
    };
    EXPECT_EQ(signs_in(world, ""), 401U);
    EXPECT_EQ(signs_in(world, "sim-teams-dev"), 401U);
    SandboxWorld with_one{true};
    EXPECT_EQ(signs_in(with_one, SandboxWorld::teams_password), 200U);
    EXPECT_EQ(signs_in(with_one, "wrong"), 401U);
}

TEST(Control, TokensAreMadeAtTheStartAndWithoutThemNothingIsLetIn) {
    test::SeededEntropy entropy;
    sandbox::SandboxSettings first;
    sandbox::SandboxSettings second;
    sandbox::make_tokens(first, entropy);
    sandbox::make_tokens(second, entropy);
    EXPECT_TRUE(first.app_token.reveal().starts_with("xapp-1-A0SIM-"));
    EXPECT_GE(first.bot_token.reveal().size(), std::string_view{"xoxb-sim-"}.size() + 32);
    EXPECT_FALSE(first.app_token == second.app_token);
    EXPECT_FALSE(first.bot_token == second.bot_token);
    EXPECT_GE(first.teams_password.reveal().size(), std::string_view{"sim-teams-"}.size() + 32);
    EXPECT_FALSE(first.teams_password == second.teams_password);
    sandbox::SandboxSettings given;
    given.app_token = Secret{"xapp-mine"};
    sandbox::make_tokens(given, entropy);
    EXPECT_EQ(given.app_token.reveal(), "xapp-mine");
}

TEST(Control, ThePageAllowsNothingFromElsewhere) {
    SandboxWorld world;
    net::HttpRequest request;
    request.method = "GET";
    auto page = world.finish(world.begin(std::move(request), "/"));
    EXPECT_EQ(page.status, 200U);
    auto policy = page.fields.find("Content-Security-Policy").value_or("");
    EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self'"));
    EXPECT_EQ(policy.find("unsafe"), policy.npos);
}

}  // namespace
}  // namespace countersign
