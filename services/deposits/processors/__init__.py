"""Payment processors, one adapter a file, behind the one port `operations.ports.Processor`.

An adapter turns operations into calls and answers into results, and knows no deposit. It never believes a webhook
beyond "ask about this", and answers None when it does not know what became of a call.
"""
