class Awskeyd < Formula
  desc "Keeps, serves and rotates AWS access keys"
  homepage "https://github.com/awskeyd/awskeyd"
  url "https://github.com/awskeyd/awskeyd.git",
      tag:      "v${VERSION}",
      revision: "${REVISION}"
  license "MIT"

  depends_on "go" => :build

  def install
    # The keychain of macOS is reached through C.
    ENV["CGO_ENABLED"] = OS.mac? ? "1" : "0"
    %w[awskey awskey-helper awskeyd].each do |name|
      system "go", "build", *std_go_args(ldflags: "-s -w", output: bin/name), "./cmd/#{name}"
    end
    system "go", "run", "./packaging/manual", "-o", "manual"
    man1.install Dir["manual/*.1"]
    man5.install Dir["manual/*.5"]
    generate_completions_from_executable(bin/"awskey", "completion")
    doc.install "README.md", "SECURITY.md", "CHANGELOG.md"
  end

  service do
    run [opt_bin/"awskeyd", "run"]
    keep_alive successful_exit: false
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/awskey version")
    # Where no daemon listens the helper says so, and ends with 3.
    ENV["AWSKEYD_SOCKET"] = testpath/"socket"
    shell_output("#{bin}/awskey status --json 2>&1", 3)
  end
end
