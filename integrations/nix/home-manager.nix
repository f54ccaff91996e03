# A home-manager module: the manifest, its variable, and the service that watches it.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.programs.envsync;
  toml = pkgs.formats.toml { };
  manifest = "${config.xdg.configHome}/envsync/envs.toml";
  watch = [
    (lib.getExe cfg.package)
    "watch"
    "--file"
    manifest
  ];
  path = "${config.home.profileDirectory}/bin:/run/current-system/sw/bin:/usr/local/bin:/usr/bin:/bin";
in
{
  options.programs.envsync = {
    enable = lib.mkEnableOption "envsync, which keeps Python virtual environments as a manifest says";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The package to use.";
    };

    settings = lib.mkOption {
      inherit (toml) type;
      default = { };
      example = lib.literalExpression ''
        {
          envs.blog = {
            path = "~/src/blog/.venv";
            target = "blog";
            python = "~/.nix-profile/bin/python3";
          };
        }
      '';
      description = "The manifest, without its {option}`version`.";
    };

    manifest = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      description = "A manifest to link to, instead of one made from {option}`programs.envsync.settings`.";
    };

    watch.enable = lib.mkEnableOption "the service that reconciles when something changes";
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.manifest == null || cfg.settings == { };
        message = "programs.envsync: set either manifest or settings, not both.";
      }
    ];

    home.packages = [ cfg.package ];
    # envsync looks elsewhere on macOS.
    home.sessionVariables.ENVSYNC_FILE = manifest;

    xdg.configFile."envsync/envs.toml".source =
      if cfg.manifest != null then
        cfg.manifest
      else
        toml.generate "envs.toml" ({ version = 1; } // cfg.settings);

    # As `envsync service show` has it.
    systemd.user.services.envsync = lib.mkIf (cfg.watch.enable && pkgs.stdenv.hostPlatform.isLinux) {
      Unit = {
        Description = "Keep Python virtual environments as envs.toml says";
        StartLimitIntervalSec = 0;
      };
      Service = {
        Type = "notify";
        ExecStart = lib.escapeShellArgs watch;
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
        Restart = "on-failure";
        RestartSec = 30;
        WatchdogSec = 120;
        KillMode = "mixed";
        TimeoutStopSec = 10;
        Environment = [ "PATH=${path}" ];
        NoNewPrivileges = true;
        ProtectSystem = true;
        LockPersonality = true;
        RestrictRealtime = true;
        RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6 AF_NETLINK";
      };
      Install.WantedBy = [ "default.target" ];
    };

    launchd.agents.envsync = lib.mkIf (cfg.watch.enable && pkgs.stdenv.hostPlatform.isDarwin) {
      enable = true;
      config = {
        ProgramArguments = watch;
        EnvironmentVariables.PATH = path;
        RunAtLoad = true;
        KeepAlive.SuccessfulExit = false;
        ThrottleInterval = 30;
        ProcessType = "Background";
        StandardOutPath = "${config.home.homeDirectory}/Library/Logs/envsync.log";
        StandardErrorPath = "${config.home.homeDirectory}/Library/Logs/envsync.log";
      };
    };
  };
}
