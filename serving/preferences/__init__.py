"""What shoppers allow and want: told, asked, and changed by themselves."""
