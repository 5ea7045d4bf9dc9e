#include "countersign/app/hiding.hpp"

#include "countersign/base/text.hpp"

namespace countersign::app {

namespace {
constexpr std::size_t derived_bytes = 32;
}  // namespace

Hiding::Hiding(const Secret& server_key)
    : server_key_(server_key),
      fingerprint_key_(hkdf_sha256(server_key.reveal(), {},
                                   "countersign fingerprints of requests with hidden values",
                                   derived_bytes)) {}

Secret Hiding::salt(core::RequestId request) const {
    return Secret{hkdf_sha256(server_key_.reveal(), as_text(request.bytes()),
                              "countersign salt of hidden values", derived_bytes)};
}

Sha256 Hiding::fingerprint(std::string_view body) const {
    return hmac_sha256(fingerprint_key_.reveal(), body);
}

}  // namespace countersign::app
