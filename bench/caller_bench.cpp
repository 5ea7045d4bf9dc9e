#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "countersign/adapters/identity.hpp"
#include "countersign/base/check.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/memory.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/token.hpp"
#include "fakes/store.hpp"
#include "http/gate.hpp"
#include "rt/world.hpp"

// This measures what it costs to know who calls, once keys and tokens are warm; see docs/performance.md.
namespace countersign {
namespace {

struct Zeros final : rt::Entropy {
    void fill(std::span<std::byte> bytes) override { std::ranges::fill(bytes, std::byte{0}); }
};

// Verifies the tests' tokens with the tests' keys, which npm `jose` made, at the moment they were made for.
struct House {
    test::World world;
    Zeros entropy;
    core::Value golden;
    std::unique_ptr<net::MemoryNetwork> network =
        net::make_memory_network(world.io.get_executor(), world.time, &world.time);
    std::unique_ptr<net::HttpClient> client =
        net::make_http_client(*network, world.time, world.time, world.io.get_executor());
    std::unique_ptr<app::WorkloadIdentity> workloads;
    fakes::Store store{world.time, entropy};
    app::Runtime runtime{.clock = world.time,
                         .timers = world.time,
                         .entropy = entropy,
                         .process = core::ProcessId::mint(world.time.now(), {}),
                         .limits = {}};
    std::optional<http::Gate> gate;
    std::string token;

    House() {
        std::ifstream file(COUNTERSIGN_SOURCE "/tests/identity/golden/tokens.json");
        std::string text{std::istreambuf_iterator<char>(file), {}};
        golden = wire::parse_json(text, {.bytes_max = 4 * 1'048'576}).value();
        identity::Issuer issuer{.issuer = "https://issuer.example.com",
                                .audience = "https://approvals.example.com",
                                .jwks_uri = {},
                                .jwks = core::canonical(golden["jwks"]),
                                .claims = {},
                                .humans = {},
                                .run = {}};
        workloads = identity::make_workload_identity({issuer}, *client, world.time, world.time,
                                                     world.io.get_executor());
        gate.emplace(http::Gate::Settings{.access_key = Secret{std::string(32, 'a')},
                                          .requests_per_minute = 1'000'000},
                     store, *workloads, runtime);
        auto secret = wire::mint_token(entropy);
        token = std::string(secret.reveal());
        app::Token made{.id = core::TokenId{core::TokenId::Bytes{}},
                        .name = "ci",
                        .scopes = {app::Scope::read},
                        .owner = {},
                        .allow_actions = {},
                        .allow_environments = {},
                        .created_at = world.time.now(),
                        .expires_at = {},
                        .revoked_at = {},
                        .hint = {}};
        auto event = app::token_event(app::AdminAct::token_created, made, "bench", world.time.now(), entropy);
        auto created = wait(store.create(made, wire::token_hash(token), std::move(event), soon()));
        COUNTERSIGN_CHECK(created.has_value());
    }
    Deadline soon() { return {world.time.now() + std::chrono::seconds{5}}; }

    template <class T>
    Result<T> wait(Later<T> call) {
        std::optional<Result<T>> answer;
        world.spawn([](Later<T> one, std::optional<Result<T>>& out) -> rt::asio::awaitable<void> {
            out.emplace(co_await std::move(one));
        }(std::move(call), answer));
        world.settle();
        COUNTERSIGN_CHECK(answer.has_value());
        return std::move(*answer);
    }
    // Authenticates as the API does for each call.
    void let_in(benchmark::State& state, const std::string& bearer) {
        net::HttpRequest request{
            .method = "GET", .target = "/", .fields = {}, .body = {}, .peer = "192.0.2.7"};
        request.fields.add("Authorization", "Bearer " + bearer);
        for (auto _ : state) {
            auto caller = wait(gate->caller(request, soon()));
            COUNTERSIGN_CHECK(caller.has_value());
            benchmark::DoNotOptimize(caller);
        }
    }
};

void a_token_of_ours(benchmark::State& state) {
    House house;
    house.let_in(state, house.token);
}
BENCHMARK(a_token_of_ours)->Unit(benchmark::kMicrosecond);

void an_access_token(benchmark::State& state) {
    House house;
    auto id = core::RequestId::mint(house.world.time.now(), {});
    auto token = wire::access_token(Secret{std::string(32, 'a')}, id);
    house.let_in(state, std::string(token.reveal()));
}
BENCHMARK(an_access_token)->Unit(benchmark::kMicrosecond);

void an_issuers_token(benchmark::State& state, const char* algorithm) {
    House house;
    house.let_in(state, std::string(house.golden["good"][algorithm].text()));
}
BENCHMARK_CAPTURE(an_issuers_token, RS256, "RS256")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(an_issuers_token, ES256, "ES256")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(an_issuers_token, EdDSA, "EdDSA")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace countersign

BENCHMARK_MAIN();
