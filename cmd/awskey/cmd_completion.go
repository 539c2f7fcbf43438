package main

import (
	"github.com/spf13/cobra"
)

// shells are what a completion is written for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// completionCmd prints cobra's script, which asks awskey itself at each Tab.
func (a *app) completionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "prints what makes Tab know verbs, keys and profiles",
		Long: `Prints a script for your shell. With it, Tab completes verbs and flags, and the
names of the keys and AWS profiles that there are at that moment. bash needs its
package bash-completion.`,
		Example: `  awskey completion bash > ~/.local/share/bash-completion/completions/awskey
  awskey completion zsh > ~/.zfunc/_awskey      # in $fpath, before compinit
  awskey completion fish > ~/.config/fish/completions/awskey.fish
  awskey completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(cmd, "completion needs the name of your shell: bash, zsh, fish or powershell")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			return usage(cmd, "there is no completion for that shell, only for bash, zsh, fish and powershell")
		},
	}
}
