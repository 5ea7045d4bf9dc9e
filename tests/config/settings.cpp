#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "countersign/adapters/config.hpp"

namespace countersign::config {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ConfigTest : public testing::Test {
  protected:
    ConfigTest() {
        std::string shape = (std::filesystem::temp_directory_path() / "countersign-config-XXXXXX").string();
        folder_ = ::mkdtemp(shape.data());
    }
    ~ConfigTest() override { std::filesystem::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) {
        std::string path = folder_ + "/" + name;
        std::ofstream{path} << text;
        return path;
    }
    Result<Settings> read(const std::string& text, const Environment& environment = {}) {
        return load(write("countersign.yaml", text), environment);
    }
    std::string problem(const std::string& text, const Environment& environment = {}) {
        auto settings = read(text, environment);
        return settings ? "no problem" : settings.error().detail;
    }
    Settings parsed(const std::string& text) {
        auto settings = read(text);
        EXPECT_TRUE(settings) << (settings ? "" : settings.error().detail);
        return settings ? std::move(*settings) : Settings{};
    }
    std::string folder_;
};

TEST_F(ConfigTest, TheWatchdogTakesADurationOrIsOff) {
    const std::string head = "database: postgresql://h/d\npolicy: p.yaml\n";
    EXPECT_EQ(read(head)->loop_patience, std::chrono::seconds{5});
    EXPECT_EQ(read(head + "watchdog: 30s\n")->loop_patience, std::chrono::seconds{30});
    EXPECT_EQ(read(head + "watchdog: off\n")->loop_patience, std::chrono::seconds{0});
    EXPECT_EQ(read(head, {{"COUNTERSIGN_WATCHDOG", "2s"}})->loop_patience, std::chrono::seconds{2});
    for (const char* wrong : {"0s", "2h", "soon", "5"})
        EXPECT_THAT(problem(head + "watchdog: " + wrong + "\n"), HasSubstr("from 1s to 1h, or off")) << wrong;
}

TEST_F(ConfigTest, EveryPartOfAFileIsRead) {
    auto s = read(R"(
listen: 0.0.0.0:9000
public_url: https://approvals.example.com
tls: { certificate: cert.pem, key: /etc/key.pem }
database: postgresql://u@h/d
database_pool: 8
policy: policies
slack:
  app_token: xapp-1
  bot_token: "xoxb-2"
  api_url: http://127.0.0.1:1/api
  connections: 3
  pace: strict
  channel: "#ops"
identity: { max_age: 2m }
link_hosts: [ci.example.com, git.example.com]
limits: { requests_per_minute: 0, pending_per_requester: 5 }
cards: { collapse: true }
signing_key: keys/signing.pem
server_key: /run/secrets/server.key
webhooks: { allow_private_networks: true }
log: { level: debug, format: json }
)");
    ASSERT_TRUE(s) << s.error().detail;
    EXPECT_EQ(s->listen, "0.0.0.0:9000");
    EXPECT_EQ(s->tls_certificate, folder_ + "/cert.pem");
    EXPECT_EQ(s->tls_key, "/etc/key.pem");
    EXPECT_EQ(s->database.reveal(), "postgresql://u@h/d");
    EXPECT_EQ(s->database_pool, 8U);
    EXPECT_EQ(s->policy, folder_ + "/policies");
    EXPECT_EQ(s->slack.app_token.reveal(), "xapp-1");
    EXPECT_EQ(s->slack.bot_token.reveal(), "xoxb-2");
    EXPECT_EQ(s->slack.api_url, "http://127.0.0.1:1/api/");
    EXPECT_EQ(s->slack.connections, 3U);
    EXPECT_TRUE(s->slack.strict_pace);
    EXPECT_EQ(s->slack.channel, "#ops");
    EXPECT_EQ(s->identity_age_max, std::chrono::minutes{2});
    EXPECT_EQ(s->link_hosts, (std::vector<std::string>{"ci.example.com", "git.example.com"}));
    EXPECT_EQ(s->pending_per_requester, 5U);
    EXPECT_TRUE(s->collapse_cards);
    EXPECT_EQ(s->signing_key, folder_ + "/keys/signing.pem");
    EXPECT_EQ(s->server_key, "/run/secrets/server.key");
    EXPECT_TRUE(s->webhooks_to_private_networks);
    EXPECT_EQ(s->log_level, log::Level::debug);
    EXPECT_EQ(s->log_format, log::Format::json);
}

TEST_F(ConfigTest, TheEnvironmentAloneIsEnough) {
    auto s = load("", {{"COUNTERSIGN_DATABASE", "postgresql:///x"},
                       {"COUNTERSIGN_SLACK_API_URL", "https://h/api"},
                       {"COUNTERSIGN_LINK_HOSTS", "a.example, b.example"},
                       {"COUNTERSIGN_POLICY", "p.yaml"}});
    ASSERT_TRUE(s) << s.error().detail;
    EXPECT_EQ(s->database.reveal(), "postgresql:///x");
    EXPECT_EQ(s->slack.api_url, "https://h/api/");
    EXPECT_EQ(s->link_hosts, (std::vector<std::string>{"a.example", "b.example"}));
    EXPECT_EQ(s->policy, "p.yaml");
}

TEST_F(ConfigTest, TheEnvironmentWins) {
    auto s = read("listen: 127.0.0.1:1\n", {{"COUNTERSIGN_LISTEN", "127.0.0.1:2"}});
    ASSERT_TRUE(s);
    EXPECT_EQ(s->listen, "127.0.0.1:2");
}

TEST_F(ConfigTest, ASecretCanComeFromAFileBesideTheConfiguration) {
    write("token", "xapp-from-file\n");
    auto s = read("slack: { app_token_file: token }\n");
    ASSERT_TRUE(s) << s.error().detail;
    EXPECT_EQ(s->slack.app_token.reveal(), "xapp-from-file");
    auto e = load("", {{"COUNTERSIGN_SLACK_APP_TOKEN_FILE", folder_ + "/token"}});
    ASSERT_TRUE(e) << e.error().detail;
    EXPECT_EQ(e->slack.app_token.reveal(), "xapp-from-file");
}

TEST_F(ConfigTest, AnUnknownKeyNamesItsPlaceAndTheNearestOne) {
    EXPECT_THAT(problem("listen: 127.0.0.1:1\nslack:\n  app_tokn: x\n"),
                AllOf(HasSubstr("countersign.yaml:3:3: unknown key 'slack.app_tokn'"),
                      HasSubstr("did you mean 'slack.app_token'?")));
    EXPECT_THAT(problem("teams:\n  tennant: x\n"), HasSubstr("did you mean 'teams.tenant'?"));
    EXPECT_THAT(problem("zzzzzzzzzzz: 1\n"), EndsWith("unknown key 'zzzzzzzzzzz'"));
}

TEST_F(ConfigTest, ADuplicateKeyIsRefused) {
    EXPECT_THAT(problem("listen: a:1\nlisten: b:2\n"), HasSubstr(":2:1: 'listen' stands here twice"));
}

TEST_F(ConfigTest, ASecretAndItsFileAreNotBothGiven) {
    write("token", "x");
    EXPECT_THAT(problem("slack: { app_token: a, app_token_file: token }\n"), HasSubstr("both given"));
}

TEST_F(ConfigTest, AnIllTypedValueSaysWhatItMustBe) {
    EXPECT_THAT(problem("database_pool: many\n"),
                HasSubstr("database_pool must be a whole number from 2 to"));
    EXPECT_THAT(problem("database_pool: 1\n"), HasSubstr("must be a whole number"));
    EXPECT_THAT(problem("slack: { pace: fast }\n"), HasSubstr("slack.pace must be auto or strict"));
    EXPECT_THAT(problem("log: { level: loud }\n"), HasSubstr("log.level must be one of"));
    EXPECT_THAT(problem("link_hosts: one\n"), HasSubstr("link_hosts must be a list"));
    EXPECT_THAT(problem("listen: [a]\n"), HasSubstr("listen must be one value"));
    EXPECT_THAT(problem("identity: { max_age: soon }\n"), HasSubstr("must be a duration"));
    EXPECT_THAT(problem("webhooks: { allow_private_networks: yes }\n"), HasSubstr("must be true or false"));
    EXPECT_THAT(problem("- a\n"), HasSubstr("a map of keys"));
    EXPECT_THAT(problem("a: [\n"), HasSubstr("this is not YAML"));
    EXPECT_THAT(problem("listen: !!str x\n"), HasSubstr("YAML tags"));
}

TEST_F(ConfigTest, AnAddressThatCouldNotBeUsedIsRefusedBeforeTheServerStarts) {
    for (const char* wrong : {"8480", "127.0.0.1", "':8480'", "127.0.0.1:99999", "example.com:80", "'[::1]'"})
        EXPECT_THAT(problem(fmt::format("listen: {}\n", wrong)),
                    HasSubstr("listen must be an address and a port"))
            << wrong;
    for (const char* fine : {"127.0.0.1:0", "'[::]:8480'", "localhost:8480"})
        EXPECT_EQ(problem(fmt::format("listen: {}\n", fine)), "no problem") << fine;
    for (const char* wrong :
         {"approvals.example.com", "ftp://a.example", "https://a.example/?x=1", "https://u@a.example"})
        EXPECT_THAT(problem(fmt::format("public_url: {}\n", wrong)),
                    HasSubstr("public_url must be the address"))
            << wrong;
    EXPECT_EQ(read("public_url: https://a.example/approvals/\n")->public_url, "https://a.example/approvals");
}

TEST_F(ConfigTest, TokensGoToSlackByHttpsAlone) {
    for (const char* wrong :
         {"http://slack.com/api/", "slack.com/api", "ftp://slack.com/api/", "https://s.example/?x="})
        EXPECT_THAT(problem(fmt::format("slack: {{ api_url: \"{}\" }}\n", wrong)),
                    HasSubstr("must be an https address"))
            << wrong;
    EXPECT_EQ(read("slack: { api_url: 'http://localhost:8490/api' }\n")->slack.api_url,
              "http://localhost:8490/api/");
}

TEST_F(ConfigTest, WhatWouldNeverMatchIsRefused) {
    for (const char* wrong :
         {"https://ci.example.com", "'*.example.com'", "'*'", "ci.example.com:8443", "''"})
        EXPECT_THAT(problem(fmt::format("link_hosts: [{}]\n", wrong)),
                    HasSubstr("link_hosts must list hosts"))
            << wrong;
    EXPECT_THAT(problem("slack: { channel: '#a b' }\n"), HasSubstr("slack.channel must be one channel"));
    EXPECT_THAT(problem("slack: { channel: '#' }\n"), HasSubstr("slack.channel must be one channel"));
    EXPECT_EQ(read("slack: { channel: C0123ABCD }\n")->slack.channel, "C0123ABCD");
}

TEST_F(ConfigTest, StreamingSocketsAreOffUnlessAskedFor) {
    EXPECT_EQ(problem("teams:\n"), "no problem");
    EXPECT_FALSE(read("teams: { streaming: false }\n")->teams.streaming);
    EXPECT_TRUE(read("teams: { streaming: true }\n")->teams.streaming);
    EXPECT_THAT(problem("teams: { streaming: 1 }\n"), HasSubstr("must be true or false"));
}

TEST_F(ConfigTest, TeamsNeedsItsBotsIdAndPasswordTogether) {
    constexpr std::string_view id = "5D0C4B1E-9f3a-4c55-8a1d-2c7b1f0e9a33";
    EXPECT_THAT(problem("teams: { app_id: x }\n"), HasSubstr("teams.app_id must be an id such as"));
    EXPECT_THAT(problem(fmt::format("teams: {{ app_id: {} }}\n", id)),
                HasSubstr("teams.app_password is not set"));
    EXPECT_THAT(problem("teams: { app_password: x }\n"), HasSubstr("teams.app_id is not set"));
    write("bot.pem", "pem");
    EXPECT_THAT(problem(fmt::format("teams: {{ app_id: {}, certificate: bot.pem }}\n", id)),
                HasSubstr("teams.certificate_key is not set"));
    EXPECT_THAT(problem(fmt::format("teams: {{ app_id: {}, certificate: none.pem }}\n", id)),
                HasSubstr("teams.certificate cannot be read"));
    EXPECT_THAT(problem(fmt::format("teams: {{ app_id: {}, app_password: x, certificate: bot.pem, "
                                    "certificate_key: bot.pem }}\n",
                                    id)),
                HasSubstr("both given"));
    EXPECT_THAT(problem("teams: { channel: 19:a@thread.tacv2 }\n"), HasSubstr("teams.app_id is not set"));
    const auto managed = fmt::format("app_id: {}, managed_identity_url: \"http://169.254.169.254/x\"", id);
    EXPECT_EQ(problem(fmt::format("teams: {{ {} }}\n", managed)), "no problem");
    EXPECT_THAT(problem(fmt::format("teams: {{ {}, app_password: x }}\n", managed)), HasSubstr("keep one"));
    EXPECT_THAT(
        problem(fmt::format("teams: {{ app_id: {}, app_password: x, managed_identity_header: y }}\n", id)),
        HasSubstr("teams.managed_identity_url is not set"));
    auto settings =
        read(fmt::format("teams: {{ app_id: {0}, app_password: secret, tenant: {0}, "
                         "service_url_allow: [https://a.example/] }}\n",
                         id));
    ASSERT_TRUE(settings) << settings.error().detail;
    EXPECT_EQ(settings->teams.app_id, "5d0c4b1e-9f3a-4c55-8a1d-2c7b1f0e9a33");
    EXPECT_EQ(settings->teams.tenant, settings->teams.app_id);
    EXPECT_EQ(settings->teams.app_password.reveal(), "secret");
    EXPECT_EQ(settings->teams.service_url_allow, std::vector<std::string>{"https://a.example/"});
}

TEST_F(ConfigTest, TrustedEmailDomainsAreNamedInFull) {
    for (const char* wrong : {"*.example.com", "@example.com", "example", "a/b.c"})
        EXPECT_THAT(problem("identity: { trust_email_domains: [\"" + std::string(wrong) + "\"] }\n"),
                    HasSubstr("each in full"));
    EXPECT_EQ(problem("identity: { trust_email_domains: [example.com, example.org] }\n"), "no problem");
    EXPECT_EQ(problem("identity: { trust_email_domains: [] }\n"), "no problem");
}

TEST_F(ConfigTest, IssuersAreAListOfMaps) {
    write("keys.json", R"({"keys":[]})");
    auto s = read(R"(
identity:
  max_age: 5m
  issuers:
    - issuer: https://token.actions.githubusercontent.com
      audience: https://approvals.example.com
      claims: { repository_owner_id: "123456", ref: [refs/heads/main, "refs/tags/*"] }
    - issuer: https://cluster.example.com
      audience: us
      kind: kubernetes
      jwks_file: keys.json
      claims: { kubernetes_io: { namespace: prod } }
      humans: ["email:{email}"]
      run: pod
      single_use: false
      lifetime_max: 2h
)");
    ASSERT_TRUE(s) << s.error().detail;
    ASSERT_EQ(s->issuers.size(), 2U);
    const auto& first = s->issuers[0];
    EXPECT_EQ(first.issuer, "https://token.actions.githubusercontent.com");
    EXPECT_EQ(first.audience, "https://approvals.example.com");
    EXPECT_TRUE(first.single_use);
    using Claims = std::vector<std::pair<std::string, std::vector<std::string>>>;
    EXPECT_EQ(first.claims,
              (Claims{{"repository_owner_id", {"123456"}}, {"ref", {"refs/heads/main", "refs/tags/*"}}}));
    const auto& second = s->issuers[1];
    EXPECT_EQ(second.kind, "kubernetes");
    EXPECT_EQ(second.jwks, R"({"keys":[]})");
    EXPECT_EQ(second.claims, (Claims{{"kubernetes_io.namespace", {"prod"}}}));
    EXPECT_EQ(second.humans, std::vector<std::string>{"email:{email}"});
    EXPECT_EQ(second.run, "pod");
    EXPECT_FALSE(second.single_use);
    EXPECT_EQ(second.lifetime_max, core::Duration{std::chrono::hours{2}});
    EXPECT_THAT(second.location, StartsWith(folder_ + "/countersign.yaml:"));
}

TEST_F(ConfigTest, IssuersInAVariableAreTheListAsJson) {
    const std::string variable = "COUNTERSIGN_IDENTITY_ISSUERS";
    auto s = read("identity: { issuers: [ { issuer: https://a.example, audience: us } ] }\n",
                  {{variable, R"([{"issuer":"https://b.example","audience":"us","claims":{"x":"1"}}])"}});
    ASSERT_TRUE(s) << s.error().detail;
    ASSERT_EQ(s->issuers.size(), 1U);
    EXPECT_EQ(s->issuers[0].issuer, "https://b.example");
    EXPECT_THAT(problem("", {{variable, "https://a.example"}}), HasSubstr("must be a list of maps"));
    EXPECT_THAT(problem("", {{variable, "[{"}}), StartsWith(variable));
}

TEST_F(ConfigTest, ASlipInAnIssuerIsNamed) {
    EXPECT_THAT(problem("identity: { issuers: [ { issuer: x, audiense: us } ] }\n"),
                HasSubstr("'audience'?"));
    EXPECT_THAT(problem("identity: { issuers: [ { audience: us } ] }\n"), HasSubstr("needs `issuer`"));
    EXPECT_THAT(problem("identity: { issuers: [ https://a.example ] }\n"), HasSubstr("list of maps"));
    EXPECT_THAT(problem("identity: { issuers: https://a.example }\n"), HasSubstr("must be a list"));
    EXPECT_THAT(problem("identity: { issuers: [ { issuer: x, lifetime_max: long } ] }\n"),
                HasSubstr("such as 1h"));
    EXPECT_THAT(problem("identity: { issuers: [ { issuer: x, single_use: perhaps } ] }\n"),
                HasSubstr("true or false"));
    EXPECT_THAT(problem("identity: { issuers: [ { issuer: x, jwks_file: absent.json } ] }\n"),
                HasSubstr("absent.json"));
    EXPECT_EQ(problem("identity: { issuers: [] }\n"), "no problem");
}

TEST_F(ConfigTest, ASlipInAVariableIsAnErrorAndSomebodyElsesVariableIsNot) {
    EXPECT_THAT(problem("", {{"COUNTERSIGN_SLACK_APP_TOKN", "x"}}),
                AllOf(StartsWith("COUNTERSIGN_SLACK_APP_TOKN"), HasSubstr("COUNTERSIGN_SLACK_APP_TOKEN?")));
    EXPECT_EQ(problem("", {{"COUNTERSIGN_PORT", "tcp://10.0.0.1:80"},
                           {"COUNTERSIGN_SERVICE_HOST", "10.0.0.1"},
                           {"COUNTERSIGN_URL", "http://x"},
                           {"COUNTERSIGN_HOME", "/x"}}),
              "no problem");
}

TEST_F(ConfigTest, AnErrorNeverRepeatsASecret) {
    write("token", "xoxb-very-secret");
    EXPECT_THAT(problem("slack: { bot_token: [xoxb-very-secret] }\n"), Not(HasSubstr("very-secret")));
    EXPECT_THAT(problem("", {{"COUNTERSIGN_SLACK_BOT_TOKENN", "xoxb-very-secret"}}),
                Not(HasSubstr("very-secret")));
}

TEST_F(ConfigTest, AKeyInPlaceOfItsPathIsToldSoAndNotRepeated) {
    const std::string key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    auto told = problem("server_key: " + key + "\n");
    EXPECT_THAT(told, HasSubstr("countersign.yaml:1:1: server_key must be the path of a file"));
    EXPECT_THAT(told, Not(HasSubstr(key)));
    EXPECT_THAT(problem("", {{"COUNTERSIGN_SIGNING_KEY", "-----BEGIN PRIVATE KEY-----"}}),
                HasSubstr("COUNTERSIGN_SIGNING_KEY: signing_key must be the path of a file"));
}

TEST_F(ConfigTest, EveryPathOfAKeyTellsAKeyFromAPath) {
    const std::string pem = "-----BEGIN CERTIFICATE-----";
    for (const char* key : {"tls.key", "tls.certificate", "keys", "signing_key", "server_key"})
        EXPECT_THAT(problem("", {{config::variable_of(key), pem}}),
                    HasSubstr(std::string(key) + " must be the path of a f"))
            << key;
}

TEST_F(ConfigTest, ASigningCommandIsAProgramByItsWholePathAndItsWords) {
    auto s = read("signing_command: /usr/bin/sign  --region eu\nsigning_command_keys: [decision]\n");
    ASSERT_TRUE(s) << s.error().detail;
    EXPECT_THAT(s->signing_command, testing::ElementsAre("/usr/bin/sign", "--region", "eu"));
    EXPECT_THAT(s->signing_command_keys, testing::ElementsAre("decision"));
    EXPECT_THAT(problem("signing_command: sign\n"), HasSubstr("beginning with /"));
    EXPECT_THAT(problem("signing_command: ''\n"), HasSubstr("beginning with /"));
    EXPECT_THAT(problem("signing_command_keys: [server]\n"), HasSubstr("must list log, decision, grant"));
}

TEST_F(ConfigTest, EventsGoOutOverTlsAlone) {
    auto s =
        read("stream_out: { syslog: 'tls://siem.example.com', file: events.jsonl, format: cloudevents }\n");
    ASSERT_TRUE(s) << s.error().detail;
    EXPECT_EQ(s->stream_out.syslog, "siem.example.com:6514");
    EXPECT_EQ(s->stream_out.file, folder_ + "/events.jsonl");
    EXPECT_TRUE(s->stream_out.cloudevents);
    EXPECT_EQ(read("stream_out: { syslog: 'tls://[::1]:7000' }\n")->stream_out.syslog, "[::1]:7000");
    EXPECT_EQ(read("stream_out: { syslog: 'tls://[::1]' }\n")->stream_out.syslog, "[::1]:6514");
    for (const char* wrong : {"siem:514", "tcp://siem:514", "tls://", "tls://siem/x", "tls://a@siem"})
        EXPECT_THAT(problem(fmt::format("stream_out: {{ syslog: '{}' }}\n", wrong)), HasSubstr("tls://siem"))
            << wrong;
    EXPECT_THAT(problem("stream_out: { format: cef }\n"), HasSubstr("ocsf or cloudevents"));
    EXPECT_THAT(problem("stream_out: { message_bytes: 100 }\n"), HasSubstr("2048"));
}

TEST_F(ConfigTest, AWitnessIsItsKeyAndItsUrl) {
    const std::string key = "witness.example.net/w1+a8a82c4d+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM";
    auto s = read("log: { witnesses: ['" + key + " https://witness.example.net/submit/'] }\n");
    ASSERT_TRUE(s) << s.error().detail;
    ASSERT_EQ(s->published_log.witnesses.size(), 1U);
    EXPECT_EQ(s->published_log.witnesses[0].first, key);
    EXPECT_EQ(s->published_log.witnesses[0].second, "https://witness.example.net/submit");
    // A log's own key signs checkpoints without a time, so it is no witness'.
    const std::string log =
        "approvals.example.com/log1+be6d6059+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
    for (const std::string& wrong : {key, std::string("x https://witness.example.net"),
                                     log + " https://witness.example.net", key + " witness.example.net"})
        EXPECT_THAT(problem("log: { witnesses: ['" + wrong + "'] }\n"), HasSubstr("must list a witness' key"))
            << wrong;
}

TEST_F(ConfigTest, QuietHoursHaveABeginningAndAnEnd) {
    auto s = parsed("quiet_hours: { from: \"22:00\", to: \"07:30\", timezone: Europe/Vienna }\n");
    EXPECT_EQ(s.quiet.from, 22 * 60);
    EXPECT_EQ(s.quiet.to, 7 * 60 + 30);
    EXPECT_EQ(s.quiet.zone, "Europe/Vienna");
    EXPECT_FALSE(parsed("").quiet.from);
    EXPECT_THAT(problem("quiet_hours: { from: \"22:00\" }\n"), HasSubstr("quiet_hours.to"));
    EXPECT_THAT(problem("quiet_hours: { timezone: UTC }\n"), HasSubstr("quiet_hours.from"));
    EXPECT_THAT(problem("quiet_hours: { from: \"24:00\", to: \"07:00\" }\n"), HasSubstr("a time of day"));
    EXPECT_THAT(problem("quiet_hours: { from: \"7\", to: \"07:00\" }\n"), HasSubstr("a time of day"));
    EXPECT_THAT(problem("quiet_hours: { from: \"07:00\", to: \"07:00\" }\n"), HasSubstr("the same time"));
}

TEST_F(ConfigTest, TheOnCallServiceIsReachedOverHttps) {
    auto s = parsed("on_call: { token: u+key, url: https://api.eu.pagerduty.com }\n");
    EXPECT_EQ(s.on_call.url, "https://api.eu.pagerduty.com/");
    EXPECT_EQ(s.on_call.token.reveal(), "u+key");
    EXPECT_EQ(parsed("").on_call.url, "https://api.pagerduty.com/");
    EXPECT_EQ(parsed("on_call: { url: \"http://127.0.0.1:99/x\" }\n").on_call.url, "http://127.0.0.1:99/x/");
    for (const char* url : {"http://api.pagerduty.com/", "api.pagerduty.com", "https://x/?a=1"})
        EXPECT_THAT(problem(std::string("on_call: { url: \"") + url + "\" }\n"),
                    HasSubstr("an https address"));
    EXPECT_THAT(problem("on_call: { token: \"a b\" }\n"), HasSubstr("without blanks"));
}

TEST_F(ConfigTest, AMissingFileIsNamed) {
    auto s = load(folder_ + "/absent.yaml", {});
    ASSERT_FALSE(s);
    EXPECT_THAT(s.error().detail, HasSubstr("absent.yaml: No such file"));
}

TEST_F(ConfigTest, ACertificateNeedsItsKey) {
    EXPECT_THAT(problem("tls: { certificate: c.pem }\n"), HasSubstr("COUNTERSIGN_TLS_KEY"));
}

}  // namespace
}  // namespace countersign::config
