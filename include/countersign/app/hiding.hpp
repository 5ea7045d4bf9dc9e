#pragma once
#include <string_view>

#include "countersign/base/crypto.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/core/ids.hpp"

namespace countersign::app {

// What it takes to keep a request's values out of every record of it, derived from the server key and kept
// nowhere.
class Hiding {
  public:
    explicit Hiding(const Secret& server_key);
    // What the commitments of this request are salted with: 32 bytes, for the one who asks alone.
    Secret salt(core::RequestId request) const;
    // The fingerprint of a body that holds such values is keyed: whoever reads it cannot try values against
    // it.
    Sha256 fingerprint(std::string_view body) const;

  private:
    Secret server_key_;
    Secret fingerprint_key_;
};

}  // namespace countersign::app
