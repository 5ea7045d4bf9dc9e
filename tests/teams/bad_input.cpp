#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/base/jose.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/websocket.hpp"
#include "countersign/streaming/peer.hpp"
#include "teams/key_house.hpp"
#include "teams/office.hpp"

// What comes in at the messages endpoint and must change nothing: each invoke with each thing that can be
// wrong with its token, its activity and its button.
namespace countersign::teams {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;

struct TokenShape {
    Value header = Value::object({{"alg", "RS256"}, {"kid", "good"}, {"typ", "JWT"}});
    Value claims = Value::object();
    enum class Signed : std::uint8_t {
        good,
        other_channel,
        bare,
        ed25519,
        hmac,
        no,
        broken
    } how = Signed::good;
};

constexpr std::string_view own_socket = "urn:botframework:websocket:test";

struct BadInput : ::testing::TestWithParam<sandbox::TeamsTransport> {
    static bool over_https() { return GetParam() == sandbox::TeamsTransport::https; }
    static std::string_view service_url() {
        return over_https() ? "http://127.0.0.1/teams/connector/" : own_socket;
    }
    KeyHouse house;
    static teams::TeamsSettings settings() {
        auto made = test::TeamsOffice::teams_settings();
        made.openid_metadata_url = "http://127.0.0.1:81/openidconfiguration";
        made.streaming = !over_https();
        return made;
    }
    test::TeamsOffice office{settings()};
    std::unique_ptr<net::Listener> keys = office.network->listen("127.0.0.1:81");
    core::RequestId request{core::RequestId::Bytes{}};
    std::string message;

    BadInput() {
        auto serve = [this](net::HttpExchange& exchange) -> test::asio::awaitable<void> {
            net::HttpResponse response;
            response.body = house.answer(exchange.request().target);
            co_await exchange.respond(std::move(response));
        };
        office.spawn(net::serve_http(*keys, serve, office.sessions, office.time, office.time));
        request = office.ask("pair");
        message = office.teams_card();
    }
    ~BadInput() override { keys->close(); }

    std::int64_t seconds() const {
        return std::chrono::floor<std::chrono::seconds>(office.time.now().time_since_epoch()).count();
    }
    std::string token(const TokenShape& shape) {
        auto claims = Value::object({{"iss", "https://api.botframework.com"},
                                     {"aud", test::teams_bot},
                                     {"serviceurl", service_url()},
                                     {"nbf", seconds() - 60},
                                     {"exp", seconds() + 3'600}});
        for (const auto& [name, value] : *shape.claims.members()) claims.set(name, value);
        auto input = base64url(core::canonical(shape.header)) + "." + base64url(core::canonical(claims));
        using Signed = TokenShape::Signed;
        std::string signature;
        if (shape.how == Signed::good) signature = house.endorsed.sign(input);
        if (shape.how == Signed::other_channel) signature = house.other_channel.sign(input);
        if (shape.how == Signed::bare) signature = house.unpublished.sign(input);
        if (shape.how == Signed::ed25519) signature = as_text(house.ed25519.sign(input));
        if (shape.how == Signed::hmac) signature = as_text(hmac_sha256(house.endorsed.modulus(), input));
        if (shape.how == Signed::broken) signature = house.endorsed.sign(input + "x");
        return input + "." + base64url(signature);
    }
    static Value data(const core::RequestId& id, std::string_view digest, std::string_view act) {
        return Value::object({{"act", act},
                              {"form", 1},
                              {"request", id.text()},
                              {"digest", digest},
                              {"version", 1},
                              {"deny_reason", "no"},
                              {"hold_reason", "wait"}});
    }
    std::string digest() { return office.read(request)->c.request->digest; }
    // Makes what Teams sends when amy presses a button of the card.
    Value activity(std::string_view act, std::string_view invoke = "adaptiveCard/action") {
        auto its_data = data(request, digest(), act);
        auto value = Value::object({{"data", its_data}});
        if (invoke == "adaptiveCard/action")
            value = Value::object(
                {{"action", Value::object({{"type", "Action.Execute"}, {"verb", act}, {"data", its_data}})}});
        auto tenant = Value::object({{"id", test::teams_home}});
        return Value::object(
            {{"type", "invoke"},
             {"name", invoke},
             {"id", fmt::format("f:{}", ++sent)},
             {"channelId", "msteams"},
             {"serviceUrl", service_url()},
             {"from", Value::object({{"id", "29:1amy"}, {"aadObjectId", test::object_of("amy")}})},
             {"recipient", Value::object({{"id", "28:" + test::teams_bot}})},
             {"conversation", Value::object({{"id", test::approvals + ";messageid=" + message},
                                             {"conversationType", "channel"},
                                             {"tenantId", test::teams_home}})},
             {"channelData", Value::object({{"tenant", tenant},
                                            {"team", Value::object({{"id", "19:harbor@thread.tacv2"}})}})},
             {"replyToId", message},
             {"value", std::move(value)}});
    }
    test::Reply post(std::string body, std::optional<std::string> authorization) {
        return over_https() ? post_alone(std::move(body), std::move(authorization))
                            : send_over_socket(std::move(body), std::move(authorization));
    }
    // Opens a socket for this body alone. Where the bot refuses it, the status is that of the refusal.
    test::Reply send_over_socket(std::string body, std::optional<std::string> authorization,
                                 std::string channel = "msteams", std::string path = "/api/messages") {
        test::Reply reply;
        bool done = false;
        auto run = [](BadInput& self, SocketOrder order, test::Reply& out,
                      bool& ended) -> test::asio::awaitable<void> {
            co_await self.ask_over_socket(std::move(order), out);
            ended = true;
        };
        office.spawn(run(*this,
                         {std::move(body), std::move(authorization), std::move(channel), std::move(path)},
                         reply, done));
        EXPECT_TRUE(office.until([&] { return done; }));
        return reply;
    }
    struct SocketOrder {
        std::string body;
        std::optional<std::string> authorization;
        std::string channel;
        std::string path;
    };
    test::asio::awaitable<void> ask_over_socket(SocketOrder order, test::Reply& reply) {
        net::Url url{"http", "bot", 80, "/api/messages"};
        net::Fields fields;
        if (order.authorization) fields.add("Authorization", *order.authorization);
        if (!order.channel.empty()) fields.add("channelid", order.channel);
        const auto deadline = Deadline{office.time.now() + 20s};
        auto socket = co_await net::connect_websocket(*office.network, {url, fields}, office.time,
                                                      office.time, {}, deadline);
        if (!socket) {
            constexpr std::string_view refused = "status_";
            const auto& code = socket.error().code;
            if (code.starts_with(refused))
                reply.status = static_cast<unsigned>(std::stoul(code.substr(refused.size())));
            co_return;
        }
        streaming::PeerParts parts{office.time, office.time, office.entropy, office.sessions,
                                   office.io.get_executor()};
        auto nothing = [](streaming::Request) -> test::asio::awaitable<streaming::Response> {
            co_return streaming::Response{404};
        };
        auto peer = std::make_shared<streaming::Peer>(parts, std::move(*socket), 1'000'000, nothing);
        auto serve = [](std::shared_ptr<streaming::Peer> its) -> test::asio::awaitable<void> {
            co_await streaming::Peer::run(its, core::Instant::max());
        };
        office.sessions.start("peer", serve(peer));
        auto answer = co_await peer->ask({"POST", order.path, std::move(order.body)}, deadline);
        if (answer) {
            reply.status = answer->status;
            reply.text = answer->body;
        }
        co_await peer->close(1000, "", deadline);
    }
    test::Reply post_alone(std::string body, std::optional<std::string> authorization) {
        net::HttpRequest to_bot{
            .method = "POST", .target = "/api/messages", .fields = {}, .body = std::move(body), .peer = {}};
        to_bot.fields.add("Content-Type", "application/json; charset=utf-8");
        if (authorization) to_bot.fields.add("Authorization", *authorization);
        std::optional<Result<net::HttpResponse>> answer;
        auto run = [](test::TeamsOffice& its, net::HttpRequest to,
                      std::optional<Result<net::HttpResponse>>& out) -> test::asio::awaitable<void> {
            net::Url url{"http", "bot", 80, "/api/messages"};
            auto deadline = Deadline{its.time.now() + 20s};
            out = co_await its.client->send(url, std::move(to), deadline);
        };
        office.spawn(run(office, std::move(to_bot), answer));
        EXPECT_TRUE(office.until([&] { return answer.has_value(); }));
        test::Reply reply;
        if (answer && *answer) {
            reply.status = (*answer)->status;
            reply.text = (*answer)->body;
        }
        return reply;
    }
    test::Reply post(const Value& what, const TokenShape& shape = {}) {
        return post(core::canonical(what), "Bearer " + token(shape));
    }
    // Nothing of the request, and nobody's vote, is any different.
    void expect_unchanged(const std::string& what) {
        EXPECT_EQ(office.entries(request), 1U) << what;
        EXPECT_EQ(office.state(request), State::pending) << what;
    }
    int sent = 0;
};

INSTANTIATE_TEST_SUITE_P(Over, BadInput, test::each_transport, test::transport_name);

const std::vector<std::pair<std::string, std::string>> invokes{
    {"approve", "adaptiveCard/action"}, {"deny", "adaptiveCard/action"},  {"hold", "adaptiveCard/action"},
    {"view", "adaptiveCard/action"},    {"details", "task/fetch"},        {"deny", "task/submit"},
    {"approve", "task/submit"},         {"all", "composeExtension/query"}};

// The settings name the server of the document; what that says of others of this machine is a stranger's
// word.
TEST_P(BadInput, KeysComeOverHttpFromTheServerOfTheSettingsAlone) {
    house.keys_at = "http://127.0.0.1/teams/v1/.well-known/keys";
    EXPECT_EQ(post(activity("approve")).status, 503U);
    EXPECT_EQ(house.fetched, 0);
    expect_unchanged("keys from another port");
}

TEST_P(BadInput, NoInvokeIsBelievedWithoutAGoodToken) {
    using Signed = TokenShape::Signed;
    const auto now = seconds();
    std::vector<std::pair<std::string, TokenShape>> wrong{
        {"audience", {.claims = Value::object({{"aud", "00000000-0000-4000-8000-00000000aaaa"}})}},
        {"audience of a tab", {.claims = Value::object({{"aud", "api://" + test::teams_bot}})}},
        {"two audiences", {.claims = Value::object({{"aud", Value{Value::Array{test::teams_bot, "x"}}}})}},
        {"no audience", {.claims = Value::object({{"aud", nullptr}})}},
        {"issuer",
         {.claims =
              Value::object({{"iss", "https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/"}})}},
        {"issuer with a slash", {.claims = Value::object({{"iss", "https://api.botframework.com/"}})}},
        {"service address",
         {.claims = Value::object({{"serviceurl", over_https() ? "http://127.0.0.1/teams/elsewhere/"
                                                               : "urn:botframework:websocket:other"}})}},
        {"expired", {.claims = Value::object({{"exp", now - 301}})}},
        {"no end", {.claims = Value::object({{"exp", nullptr}})}},
        {"future", {.claims = Value::object({{"nbf", now + 400}})}},
        {"none", {.header = Value::object({{"alg", "none"}, {"kid", "good"}}), .how = Signed::no}},
        {"HS256", {.header = Value::object({{"alg", "HS256"}, {"kid", "good"}}), .how = Signed::hmac}},
        {"another algorithm",
         {.header = Value::object({{"alg", "EdDSA"}, {"kid", "ed"}}), .how = Signed::ed25519}},
        {"key of another channel",
         {.header = Value::object({{"alg", "RS256"}, {"kid", "webchat"}}), .how = Signed::other_channel}},
        {"key without endorsements",
         {.header = Value::object({{"alg", "RS256"}, {"kid", "bare"}}), .how = Signed::bare}},
        {"unknown key", {.header = Value::object({{"alg", "RS256"}, {"kid", "new"}})}},
        {"key brought along",
         {.header = Value::object({{"alg", "RS256"}, {"kid", "good"}, {"jku", "http://evil/"}})}},
        {"unknown crit",
         {.header = Value::object({{"alg", "RS256"}, {"kid", "good"}, {"crit", Value{Value::Array{"x"}}}})}},
        {"wrong signature", {.how = Signed::broken}},
    };
    // The tokens of sockets need name none: the socket itself is the address.
    if (over_https())
        wrong.push_back({"no service address", {.claims = Value::object({{"serviceurl", nullptr}})}});
    for (const auto& [act, invoke] : invokes)
        for (const auto& [what, shape] : wrong) {
            auto answer = post(activity(act, invoke), shape);
            EXPECT_EQ(answer.status, 401U) << act << " " << invoke << ": " << what << answer.text;
            EXPECT_EQ(answer.text, "");
            expect_unchanged(what);
        }
    EXPECT_EQ(post(core::canonical(activity("approve")), std::nullopt).status, 401U);
    for (const char* header : {"", "Bearer", "Bearer ", "Basic eDp5", "Bearer a.b.c", "Bearer a b"})
        EXPECT_EQ(post(core::canonical(activity("approve")), header).status, 401U) << header;
    expect_unchanged("no token");
    EXPECT_EQ(post(activity("approve")).status, 200U);
    EXPECT_EQ(office.entries(request), 2U);
}

TEST_P(BadInput, ClocksMayDifferByFiveMinutes) {
    EXPECT_EQ(post(activity("view"), {.claims = Value::object({{"exp", seconds() - 290}})}).status, 200U);
    EXPECT_EQ(post(activity("view"), {.claims = Value::object({{"nbf", seconds() + 290}})}).status, 200U);
}

TEST_P(BadInput, AStormOfUnknownKeysFetchesKeysNowAndThen) {
    post(activity("view"));
    const int before = house.fetched;
    for (const auto& [act, invoke] : invokes)
        for (int i = 0; i < 25; ++i) {
            TokenShape shape;
            shape.header.set("kid", fmt::format("k{}{}{}", act, invoke.size(), i));
            EXPECT_EQ(post(activity(act, invoke), shape).status, 401U);
        }
    EXPECT_LE(house.fetched, before + 1);
    expect_unchanged("unknown keys");
}

TEST_P(BadInput, ActivitiesThatSayTheWrongThingChangeNothing) {
    auto with = [&](Value changed, std::string_view name, Value value) {
        changed.set(std::string(name), std::move(value));
        return changed;
    };
    auto nested = [&](Value changed, std::string_view outer, std::string_view name, Value value) {
        auto inner = changed[outer];
        inner.set(std::string(name), std::move(value));
        changed.set(std::string(outer), std::move(inner));
        return changed;
    };
    for (const auto& [act, invoke] : invokes) {
        const auto fine = activity(act, invoke);
        // Not from Teams, not for us, or from elsewhere: not believed.
        for (const auto& wrong :
             {with(fine, "serviceUrl", "https://evil.example/"), with(fine, "serviceUrl", nullptr),
              with(fine, "channelId", "webchat"), with(fine, "channelId", "msteams:COPILOT"),
              nested(fine, "recipient", "id", "28:another")}) {
            EXPECT_EQ(post(wrong).status, 401U) << core::canonical(wrong);
            expect_unchanged(act);
        }
        // Another organisation, or nobody that a tenant knows: told so, politely.
        const auto elsewhere =
            Value::object({{"tenant", Value::object({{"id", "00000000-0000-4000-8000-00000000051b"}})}});
        for (const auto& wrong :
             {nested(fine, "conversation", "tenantId", "00000000-0000-4000-8000-00000000051b"),
              with(fine, "channelData", elsewhere), with(fine, "channelData", nullptr),
              nested(fine, "conversation", "tenantId", nullptr), nested(fine, "from", "aadObjectId", nullptr),
              nested(fine, "from", "id", "28:a-bot"), nested(fine, "from", "id", "8:skype")}) {
            auto answer = post(wrong);
            EXPECT_EQ(answer.status, 200U) << core::canonical(wrong);
            EXPECT_FALSE(has(answer.text, "deploy"));
            expect_unchanged(act);
        }
    }
    auto unknown = with(activity("approve"), "name", "adaptiveCard/somethingNew");
    EXPECT_EQ(post(unknown).status, 501U);
    EXPECT_EQ(post(with(activity("approve"), "name", nullptr)).status, 501U);
    for (const char* type :
         {"messageReaction", "typing", "messageUpdate", "messageDelete", "event", "brandNew"})
        EXPECT_EQ(post(with(activity("approve"), "type", type)).status, 200U) << type;
    expect_unchanged("types");
}

TEST_P(BadInput, BodiesThatAreNoActivitiesAreRefused) {
    auto good = "Bearer " + token({});
    for (std::string body :
         {std::string{}, std::string{"[]"}, std::string{"{}"}, std::string{"{\"type\":\"invoke\""},
          std::string{"{\"type\":\"invoke\",\"type\":\"invoke\"}"}})
        EXPECT_EQ(post(body, good).status, 400U) << body;
    for (const auto& [act, invoke] : invokes) {
        const auto fine = core::canonical(activity(act, invoke));
        auto doubled = fine;
        doubled.insert(1, "\"from\":{\"id\":\"29:1ben\"},");
        EXPECT_EQ(post(doubled, good).status, 400U) << act << " " << invoke;
        doubled = fine;
        doubled.insert(doubled.find("\"value\":{") + 9, "\"data\":{},\"action\":{},\"data\":{},");
        EXPECT_EQ(post(doubled, good).status, 400U) << act << " " << invoke;
        EXPECT_EQ(post(fine + std::string(257 * 1024, ' '), good).status, 413U) << act << " " << invoke;
        expect_unchanged(act);
    }
    expect_unchanged("bodies");
}

TEST_P(BadInput, ButtonsThatWereMadeUpChangeNothing) {
    auto other = office.ask("deploy");
    office.pass(2s);
    for (const auto& [act, invoke] : invokes) {
        const bool card = invoke == "adaptiveCard/action";
        auto with_data = [&](Value changed, std::string_view verb) {
            auto made = activity(act, invoke);
            auto action = Value::object({{"verb", verb}, {"data", changed}});
            made.set("value", card ? Value::object({{"action", std::move(action)}})
                                   : Value::object({{"data", std::move(changed)}}));
            return made;
        };
        const auto fine = data(request, digest(), act);
        auto changed = [&](std::string_view name, Value value) {
            auto copy = fine;
            copy.set(std::string(name), std::move(value));
            return with_data(std::move(copy), act);
        };
        std::vector<Value> wrong{
            changed("form", 2),  // a card of another kind
            changed("form", nullptr),
            changed("request", "req_nonsense"),
            changed("request", other.text()),  // with this card's digest
            changed("request", "req_00000000000000000000000000"),
            changed("digest", "sha256:00"),
            changed("act", "unknown"),
            with_data(Value{}, act),
            with_data(Value{Value::Array{}}, act),
        };
        if (card) wrong.push_back(with_data(fine, act == "deny" ? "approve" : "deny"));  // says another thing
        for (const auto& one : wrong) {
            const auto what = fmt::format("{} {} {}", act, invoke, core::canonical(one["value"]));
            auto answer = post(one);
            EXPECT_EQ(answer.status, 200U) << what;
            expect_unchanged(what);
            EXPECT_EQ(office.entries(other), 1U) << what;
        }
    }
}

TEST_P(BadInput, ASenderWhomTheRosterContradictsIsNobody) {
    for (const auto& [act, invoke] : invokes)
        // Amy's id with Ben's object, and the other way round.
        for (const auto& [id, object] : {std::pair{"29:1amy", "ben"}, std::pair{"29:1unknown", "amy"}}) {
            auto forged = activity(act, invoke);
            forged.set("from", Value::object({{"id", id}, {"aadObjectId", test::object_of(object)}}));
            auto answer = post(forged);
            EXPECT_EQ(answer.status, 200U) << act << " " << invoke;
            if (act == "details" || act == "all") EXPECT_FALSE(has(answer.text, "because")) << answer.text;
            expect_unchanged(act);
        }
    office.pass(1s);
    EXPECT_EQ(post(activity("approve")).status, 200U);  // the real Amy
    EXPECT_EQ(office.entries(request), 2U);
}

TEST_P(BadInput, WhatIsReplayedIsAnsweredAndCountsOnce) {
    for (const auto& [act, invoke] : invokes) {
        const auto sent_once = activity(act, invoke);
        const auto first = post(sent_once);
        EXPECT_EQ(first.status, 200U) << act << " " << invoke;
        const auto entries = office.entries(request);
        for (int i = 0; i < 3; ++i) EXPECT_EQ(post(sent_once).status, 200U) << act << " " << invoke;
        auto renamed = sent_once;
        renamed.set("id", fmt::format("f:again-{}-{}", act, invoke.size()));
        EXPECT_EQ(post(renamed).status, 200U) << act << " " << invoke;
        EXPECT_EQ(office.entries(request), entries) << act << " " << invoke;
    }
}

struct Handshakes : BadInput {};
INSTANTIATE_TEST_SUITE_P(Over, Handshakes, ::testing::Values(sandbox::TeamsTransport::websocket),
                         test::transport_name);

TEST_P(Handshakes, NameAChannelThatTheirKeyIsEndorsedFor) {
    auto body = core::canonical(activity("approve"));
    auto good = "Bearer " + token({});
    EXPECT_EQ(send_over_socket(body, good, "").status, 401U);
    EXPECT_EQ(send_over_socket(body, good, "webchat").status, 401U);
    EXPECT_EQ(send_over_socket(body, good, "directlinespeech").status, 401U);
    // A key of another channel opens a socket as that channel, over which nothing of Teams is believed.
    TokenShape other{.header = Value::object({{"alg", "RS256"}, {"kid", "webchat"}}),
                     .how = TokenShape::Signed::other_channel};
    EXPECT_EQ(send_over_socket(body, "Bearer " + token(other), "webchat").status, 401U);
    EXPECT_EQ(send_over_socket({}, "Bearer " + token(other), "webchat", "/api/version").status, 405U);
    expect_unchanged("channels");
}

TEST_P(Handshakes, OtherPathsThanThatOfMessagesAreNotThere) {
    auto good = "Bearer " + token({});
    auto body = core::canonical(activity("approve"));
    for (const char* path : {"/", "/api/messages/", "/v1/requests", "/api/messages?x=1"})
        EXPECT_EQ(send_over_socket(body, good, "msteams", path).status, 404U) << path;
    EXPECT_EQ(send_over_socket(body, good, "msteams", "").status, 400U);
    expect_unchanged("paths");
}

TEST_P(Handshakes, ASocketSpeaksForOneServiceAddressAlone) {
    auto unnamed = TokenShape{.claims = Value::object({{"serviceurl", nullptr}})};
    auto made = activity("view");
    EXPECT_EQ(post(made, unnamed).status, 200U);
    // That of the workspace's own socket, whose token names it, is not taken over by one that only says it.
    made.set("serviceUrl", "urn:botframework:websocket:workspace");
    EXPECT_EQ(post(made, {.claims = Value::object({{"serviceurl", std::string(own_socket)}})}).status, 401U);
    made.set("serviceUrl", "https://evil.example/");
    EXPECT_EQ(post(made, unnamed).status, 401U);
    expect_unchanged("service addresses");
}

}  // namespace
}  // namespace countersign::teams
